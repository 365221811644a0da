import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TrailEntry } from '../../../src/domain/audit/trail.js';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;
const TRAIL = '/api/v2/audit/trail';
const rule = {
  name: 'errors',
  severity: 'critical',
  condition: { metric: 'error_count', operator: '>', threshold: 5 },
  window_seconds: 60,
};
const agent = { 'user-agent': '=cmd("x"), "quoted"' };

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
});
afterAll(() => server.stop());

const trail = async (query = '', as = ada.token, path = TRAIL): Promise<Answer> => {
  const min_position = await server.head();
  const answer = await server.call('GET', `${path}?min_position=${min_position}${query}`, { as });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return answer;
};
const lines = ({ body }: Answer): readonly TrailEntry[] => body.data as TrailEntry[];

describe('the audit trail', () => {
  it('says who did what, when and from where', async () => {
    const made = await server.call('POST', '/api/v1/alerting/rules', {
      as: ada.token,
      json: rule,
      headers: { ...agent, 'x-request-id': 'made-1' },
    });
    const [entry] = lines(await trail('&request_id=made-1'));
    expect(entry).toMatchObject({
      outcome: 'done',
      action: 'AlertRuleDefined',
      actor: { kind: 'user' },
      stream: `rule-${String(made.body.id)}`,
      revision: 0,
      position: made.body.position,
      origin: 'api',
      request_id: 'made-1',
      client: { address: expect.stringMatching(/127\.0\.0\.1|::1/), user_agent: agent['user-agent'] },
    });
    const actions = lines(await trail('&outcome=done')).map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(['TenantRegistered', 'UserRegistered', 'SessionStarted']));
    expect(actions).not.toContain('TelemetryRecorded');
  });

  it('says what was refused, counted by day, and leaves the log as it was', async () => {
    const issued = await server.call('POST', '/api/v1/auth/api-keys', {
      as: ada.token,
      json: { name: 'reader', scopes: ['read'] },
    });
    const { id, key } = issued.body.api_key as { id: string; key: string };
    const before = await server.head();
    for (let count = 0; count < 3; count += 1)
      await server.call('POST', '/api/v1/alerting/rules', { as: key, json: rule });
    await server.call('GET', '/api/v1/auth/users', { as: key });
    expect(await server.head()).toBe(before);
    const refused = lines(await trail(`&outcome=refused&actor_id=${id}`));
    expect(refused).toMatchObject([
      { action: 'GET /api/v1/auth/users', status: 403, code: 'forbidden', count: 1 },
      { action: 'POST /api/v1/alerting/rules', status: 403, code: 'forbidden', count: 3 },
    ]);
    expect(refused[1]).toMatchObject({ outcome: 'refused', actor: { kind: 'api_key', id } });
  });

  it('has a wrong password with the person on whom it was tried, and tells whoever tried nothing', async () => {
    const wrong = await server.call('POST', '/api/v1/auth/login', {
      json: { email: ada.email, password: 'wrong horse' },
    });
    expect(wrong.status).toBe(401);
    expect(wrong.text).not.toMatch(/concern|usr_|ten_/);
    const [entry] = lines(await trail('&outcome=refused&code=invalid_credentials'));
    expect(entry).toMatchObject({ actor: { kind: 'user' }, action: 'POST /api/v1/auth/login', count: 1 });
    const nobody = { email: 'nobody@example.com', password: 'wrong horse' };
    await server.call('POST', '/api/v1/auth/login', { json: nobody });
    await server.call('GET', '/api/v1/auth/users', { as: 'nonsense' });
    const systems = lines(await trail('', server.operator_token, '/_ops/audit/trail'));
    expect(systems.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['POST /api/v1/auth/login', 'GET /api/v1/auth/users']),
    );
    expect(JSON.stringify(systems)).not.toContain(ada.id);
  });

  it('has what was refused while the guard was up', async () => {
    const begun = await server.call('POST', '/_deploy/begin', {
      as: server.operator_token,
      json: { release: 'r2' },
    });
    const deployment_id = begun.body.deployment_id as string;
    const head = await server.head();
    await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    const refused = await server.call('GET', `${TRAIL}?code=deployment_in_progress`, { as: ada.token });
    expect(lines(refused)).toMatchObject([{ action: 'POST /api/v1/alerting/rules', status: 403 }]);
    expect(await server.head()).toBe(head);
    await server.call('POST', '/_deploy/rollback', { as: server.operator_token, json: { deployment_id } });
  });

  it('is one order in pages, and each line once', async () => {
    const all = lines(await trail('&limit=1000'));
    expect(all.length).toBeGreaterThan(8);
    const times = all.map(({ at }) => at);
    expect(times).toEqual(times.toSorted().reverse());
    const paged: TrailEntry[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Answer = await trail(`&limit=3${cursor && `&cursor=${cursor}`}`);
      paged.push(...lines(page));
      cursor = page.body.next_cursor as string | null;
    }
    expect(paged).toEqual(all);
    expect((await server.call('GET', `${TRAIL}?cursor=bm9uZQ`, { as: ada.token })).status).toBe(400);
    const from = all[3]!.at;
    const later = lines(await trail(`&from=${encodeURIComponent(from)}`));
    expect(later).toEqual(all.filter(({ at }) => at >= from));
    const mine = all[0]!.actor.id;
    expect(lines(await trail(`&actor_id=${mine}&limit=1000`))).toEqual(
      all.filter(({ actor }) => actor.id === mine),
    );
  });

  it('is exported as JSON, CSV and NDJSON, without a formula for a spreadsheet', async () => {
    const all = lines(await trail('&limit=1000'));
    const exported = async (format: string, query = ''): Promise<Answer> =>
      server.call('GET', `${TRAIL}/export/${format}?min_position=${await server.head()}${query}`, {
        as: ada.token,
      });
    expect(JSON.parse((await exported('json')).text)).toEqual(all);
    const ndjson = (await exported('ndjson')).text.trimEnd().split('\n');
    expect(ndjson.map((line) => JSON.parse(line) as unknown)).toEqual(all);
    const csv = await exported('csv', '&request_id=made-1');
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(csv.headers.get('content-disposition')).toContain('audit-trail.csv');
    const [header, line, end] = csv.text.split('\r\n');
    expect(header?.split(',').slice(0, 4)).toEqual(['at', 'outcome', 'actor_kind', 'actor_id']);
    expect(line).toContain(`"'=cmd(""x""), ""quoted"""`);
    expect(end).toBe('');
    const part = await exported('ndjson', '&limit=2');
    expect(part.text.trimEnd().split('\n')).toHaveLength(2);
    expect(part.headers.get('link')).toContain('rel="next"');
    expect((await exported('xml')).status).toBe(404);
  });

  it('is the same in the first version of the API, and one’s own alone', async () => {
    const first = lines(await trail('&limit=1000', ada.token, '/api/v1/auth/audit-log'));
    expect(first).toEqual(lines(await trail('&limit=1000')));
    for (const path of [TRAIL, '/api/v1/auth/audit-log']) {
      const theirs = await trail('&limit=1000', bob.token, path);
      expect(theirs.text).not.toContain(ada.id);
      expect(theirs.text).not.toContain('made-1');
    }
  });
});
