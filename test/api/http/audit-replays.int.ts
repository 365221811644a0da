import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly results: readonly {
    readonly projection: string;
    readonly differences: {
      readonly baseline_documents: number;
      readonly missing: number;
      readonly surplus: number;
      readonly changed: number;
      readonly first: readonly { readonly tenant: string; readonly changes: readonly object[] }[];
    };
  }[];
}

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
  for (const { key } of [ada, bob])
    await server.call('POST', '/api/v1/ingestion/events/batch', {
      as: key,
      json: Array.from({ length: 50 }, (_, index) => ({
        type: 'api_call',
        service: 'shop',
        method: 'GET',
        path: `/blog/post-about-${'abcdefghij'[index % 10]!}`,
        status_code: 200,
        duration_ms: index,
        timestamp: '2026-01-01T00:00:00Z',
      })),
    });
  await server.settled();
});
afterAll(() => server.stop());

const BASE = '/api/v2/audit/replays';
const replayed = async (json: object, as = ada.token, base = BASE): Promise<Shown> => {
  const started = await server.call('POST', base, { as, json });
  expect([started.status, started.text]).toEqual([202, expect.any(String)]);
  let shown = started.body as unknown as Shown;
  await until(async () => {
    shown = (await server.call('GET', `${base}/${shown.id}`, { as })).body as unknown as Shown;
    return !['queued', 'running'].includes(shown.state);
  });
  return shown;
};

describe('replays over HTTP', () => {
  it('find that what is served is what the log says, for every read model, and append nothing', async () => {
    const before = await server.head();
    const projections = ['tenants', 'users', 'api-keys', 'metrics', 'chunk-index', 'recent-events'];
    const { state, results } = await replayed({ projections });
    expect(state).toBe('done');
    expect(results.map(({ projection }) => projection)).toEqual(projections);
    for (const { differences } of results) {
      expect(differences).toMatchObject({ missing: 0, surplus: 0, changed: 0, first: [] });
      expect(differences.baseline_documents).toBeGreaterThan(0);
    }
    expect(await server.head()).toBe(before);
  });

  it('show what other route patterns would have made of the past, and nobody else’s', async () => {
    const { state, results } = await replayed({
      projections: ['metrics'],
      baseline: 'replayed',
      route_patterns: ['/blog/{slug}'],
    });
    expect(state).toBe('done');
    const [{ differences } = { differences: undefined }] = results;
    expect(differences).toMatchObject({ missing: 0, surplus: 0, changed: 3 });
    expect(JSON.stringify(differences)).toContain('/blog/{slug}');
    for (const { tenant } of differences?.first ?? []) expect(tenant).toBe(ada.id);
  });

  it('show the past without what one key sent', async () => {
    const { results } = await replayed({
      projections: ['metrics'],
      baseline: 'replayed',
      without: { actor_ids: [ada.key_id] },
    });
    expect(results[0]?.differences).toMatchObject({ baseline_documents: 3, missing: 3 });
  });

  it('compare with the generation before, for the operator over all tenants', async () => {
    const job = await server.call('POST', '/_ops/jobs', {
      as: server.operator_token,
      json: { kind: 'rebuild', projections: ['metrics'] },
    });
    await until(
      async () =>
        (await server.call('GET', `/_ops/jobs/${String(job.body.id)}`, { as: server.operator_token })).body
          .state !== 'running',
    );
    const wanted = { projections: ['metrics'], baseline: 'previous' };
    const { results } = await replayed(wanted, server.operator_token, '/_ops/replays');
    expect(results[0]?.differences).toMatchObject({
      baseline_documents: 6,
      missing: 0,
      surplus: 0,
      changed: 0,
    });
    const one = await replayed({ ...wanted, tenants: [bob.id] }, server.operator_token, '/_ops/replays');
    expect(one.results[0]?.differences).toMatchObject({ baseline_documents: 3, changed: 0 });
  });

  it('are their tenant’s, and each door has its own', async () => {
    const mine = await replayed({ projections: ['users'] });
    for (const [base, as] of [
      [BASE, bob.token],
      ['/_ops/replays', server.operator_token],
    ] as const) {
      expect((await server.call('GET', `${base}/${mine.id}`, { as })).status).toBe(404);
      const listed = await server.call('GET', base, { as });
      expect(listed.text).not.toContain(mine.id);
      for (const what of ['pause', 'resume', 'cancel'])
        expect((await server.call('POST', `${base}/${mine.id}/${what}`, { as })).status).toBe(404);
    }
    const refused = await server.call('POST', BASE, {
      as: ada.token,
      json: { projections: ['users'], tenants: [bob.id] },
    });
    expect(refused.status).toBe(400);
  });

  it('that have ended are not paused, and what makes no sense is said', async () => {
    const { id } = await replayed({ projections: ['users'] });
    const paused = await server.call('POST', `${BASE}/${id}/pause`, { as: ada.token });
    expect([paused.status, paused.body.code]).toEqual([409, 'replay_ended']);
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ projections: ['nothing'] }, /no read model nothing/],
      [{ projections: ['users'], baseline: 'replayed' }, /folded twice/],
      [{ projections: ['users'], baseline: 'replayed', until: 'yesterday' }, /positions or RFC 3339/],
      [{ projections: ['users'], until: '2026-01-01T00:00:00Z' }, /same range/],
    ];
    for (const [json, said] of wrong) {
      const { status, body } = await server.call('POST', BASE, { as: ada.token, json });
      expect([status, body.code]).toEqual([422, 'invalid_replay']);
      expect(body.detail).toMatch(said);
    }
  });
});
