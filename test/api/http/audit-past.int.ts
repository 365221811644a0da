import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;
let rule_id: string;
/** The position after each version of the rule. */
const after: string[] = [];

const rule = {
  name: 'errors',
  severity: 'critical',
  enabled: true,
  condition: { metric: 'error_count', operator: '>', threshold: 5 },
  window_seconds: 60,
  for_seconds: 0,
};
const STATE = '/api/v2/audit/state';

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
  const made = await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
  rule_id = made.body.id as string;
  after.push(made.body.position as string);
  for (const threshold of [6, 7]) {
    const changed = await server.call('PUT', `/api/v1/alerting/rules/${rule_id}`, {
      as: ada.token,
      json: { ...rule, condition: { ...rule.condition, threshold } },
    });
    after.push(changed.body.position as string);
  }
  const gone = await server.call('DELETE', `/api/v1/alerting/rules/${rule_id}`, { as: ada.token });
  after.push(gone.body.position as string);
});
afterAll(() => server.stop());

const ask = (query: Record<string, string>, as = ada.token) =>
  server.call('GET', `${STATE}?${new URLSearchParams(query).toString()}`, { as });

describe('the past', () => {
  it('has the state of a stream at each position, and at the time of each record', async () => {
    const stream = `rule-${rule_id}`;
    for (const [index, threshold] of [5, 6, 7].entries()) {
      const then = await ask({ stream, at: after[index]! });
      expect(then.body).toMatchObject({
        kind: 'rule',
        position: after[index],
        revision: index,
        state: { state: 'defined', definition: { condition: { threshold } } },
      });
      const at = then.body.recorded_at as string;
      const same = await ask({ stream, at });
      expect((same.body.revision as number) >= index).toBe(true);
    }
    expect((await ask({ stream })).body).toMatchObject({ revision: 3 });
    const before = (BigInt(`0x${after[0]!}`) - 1n).toString(16).padStart(16, '0');
    expect((await ask({ stream, at: before })).status).toBe(404);
  });

  it('has the documents of a read model, those that are no more too', async () => {
    expect((await ask({ read_model: 'rules' })).body).toMatchObject({ documents: [], more: false });
    const then = await ask({ read_model: 'rules', at: after[1]!, id: rule_id });
    expect(then.body).toMatchObject({
      read_model: 'rules',
      position: after[1],
      documents: [{ id: rule_id, condition: { threshold: 6 } }],
    });
    expect((await ask({ read_model: 'rules', at: after[3]!, id: rule_id })).status).toBe(404);
    await server.call('POST', '/api/v1/ingestion/events', {
      as: ada.key,
      json: { type: 'api_call', service: 'shop', path: '/a/1', status_code: 200 },
    });
    const metrics = await ask({ read_model: 'metrics' });
    expect(metrics.body.documents).toHaveLength(3);
    expect(metrics.text).toContain('/a/{id}');
  });

  it('has the records of a stream with where they come from, and no secret', async () => {
    const records = await server.call('GET', `/api/v2/audit/streams/rule-${rule_id}?limit=3`, {
      as: ada.token,
    });
    expect(records.status).toBe(200);
    expect(records.body.data as object[]).toHaveLength(3);
    expect(records.body.data).toMatchObject([
      { revision: 0, position: after[0], provenance: { origin: 'api', actor: { kind: 'user' } } },
      { revision: 1 },
      { revision: 2 },
    ]);
    const cursor = records.body.next_cursor as string;
    const more = await server.call('GET', `/api/v2/audit/streams/rule-${rule_id}?limit=3&cursor=${cursor}`, {
      as: ada.token,
    });
    expect(more.body).toMatchObject({ data: [{ revision: 3 }], next_cursor: null });
    const key = await server.call('GET', `/api/v2/audit/streams/apikey-${ada.key_id}`, { as: ada.token });
    expect(key.body.data).toMatchObject([{ type: 'ApiKeyIssued', data: { hash: '***' } }]);
    const [, id] = (
      JSON.parse(Buffer.from(ada.token.split('.')[1]!, 'base64url').toString()) as { sub: string }
    ).sub.split('_');
    const user = await ask({ stream: `user-usr_${id!}` });
    expect(user.body.state).toMatchObject({ email: 'ada@example.com', password_hash: '***' });
  });

  it('is one’s own alone', async () => {
    for (const stream of [`rule-${rule_id}`, `tenant-${ada.id}`, `apikey-${ada.key_id}`, 'deployments']) {
      expect([stream, (await ask({ stream }, bob.token)).status]).toEqual([stream, 404]);
      const records = await server.call('GET', `/api/v2/audit/streams/${stream}`, { as: bob.token });
      expect([stream, records.status]).toEqual([stream, 404]);
    }
    const users = await ask({ read_model: 'users' }, bob.token);
    expect(users.body.documents).toMatchObject([{ email: 'bob@example.com' }]);
  });

  it('says what there is to ask for, and what was asked wrongly', async () => {
    expect((await ask({})).body).toMatchObject({
      read_models: expect.arrayContaining(['metrics', 'alerts']),
      streams: expect.arrayContaining(['rule-', 'alert-']),
    });
    for (const [query, code] of [
      [{ stream: 'x', read_model: 'y' }, 'invalid_question'],
      [{ read_model: 'rules', at: 'yesterday' }, 'invalid_moment'],
    ] as const) {
      const { status, body } = await ask(query);
      expect([status, body.code]).toEqual([422, code]);
    }
    expect((await ask({ read_model: 'nothing' })).status).toBe(404);
    expect((await ask({ stream: '$all' })).status).toBe(404);
  });
});
