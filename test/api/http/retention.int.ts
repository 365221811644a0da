import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantId } from '../../../src/domain/ids.js';
import { checkSignature, readNote } from '../../../src/domain/integrity/signed-note.js';
import { statementText, type RetiredTelemetry } from '../../../src/domain/retention/retention.js';
import { readKey } from '../../../src/platform/secrets.js';
import { verifyEd25519 } from '../../../src/platform/signing.js';
import { logSigner } from '../../../src/processes/checkpoints/log-signer.js';
import { bytesOfLog } from '../../support/log-files.js';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

const DAY_MS = 86_400_000;
let directory: string;
let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;

const start = (): Promise<TestServer> => startTestServer({ PULSESTREAM_DATA_DIR: directory });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-retention-'));
  server = await start();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

/** Events so many days ago, one request each, so that each is a chunk. */
const send = async (tenant: TestTenant, days: number, message: string): Promise<Answer> =>
  server.call('POST', '/api/v1/ingestion/events', {
    as: tenant.key,
    json: {
      type: 'api_call',
      service: 'shop',
      path: '/orders/1',
      status_code: 200,
      duration_ms: 5,
      message,
      timestamp: new Date(Date.now() - days * DAY_MS).toISOString(),
    },
  });

const keep = (tenant: TestTenant, days: number | null): Promise<Answer> =>
  server.call('PUT', '/api/v2/ingestion/retention', { as: tenant.token, json: { days } });

const found = async (tenant: TestTenant): Promise<readonly string[]> => {
  await server.settled();
  const { body } = await server.call('GET', '/api/v1/ingestion/events/search', { as: tenant.key });
  return (body['data'] as { message: string }[]).map(({ message }) => message).sort();
};

const counted = async (tenant: TestTenant): Promise<unknown> => {
  await server.settled();
  const { body } = await server.call('GET', '/api/v1/ingestion/events/statistics', { as: tenant.key });
  return (body['totals'] as { requests: number }).requests;
};

interface Done {
  readonly state: string;
  readonly log?: { readonly dropped: number; readonly problems: readonly unknown[] };
  readonly verified?: readonly { readonly projection: string; readonly equal: boolean }[];
}

const job = async (kind: string): Promise<Done> => {
  const { body } = await server.call('POST', '/_ops/jobs', { as: server.operator_token, json: { kind } });
  let last = body as unknown as Done;
  await until(async () => {
    const path = `/_ops/jobs/${String(body['id'])}`;
    last = (await server.call('GET', path, { as: server.operator_token })).body as unknown as Done;
    return last.state !== 'running';
  });
  return last;
};

/** Every read model is what the log makes of it. */
const agrees = async (): Promise<void> => {
  const { verified = [] } = await job('verify');
  expect(verified.length).toBeGreaterThan(5);
  expect(verified.filter(({ equal }) => !equal)).toEqual([]);
};

describe('retention', () => {
  it('is for good until somebody says otherwise', async () => {
    const { body } = await server.call('GET', '/api/v2/ingestion/retention', { as: ada.key });
    expect(body).toMatchObject({ days: null });
    expect(body).not.toHaveProperty('oldest_accepted');
    expect(await send(ada, 4_000, 'ada, ten years ago')).toMatchObject({ status: 201 });
  });

  it('takes what is older out of everything that shows it, and out of the files', async () => {
    const old = await send(ada, 40, 'ada, old');
    await send(ada, 9, 'ada, of last week');
    await send(ada, 0, 'ada, today');
    await send(bob, 40, 'bob, old');
    expect(await found(ada)).toHaveLength(4);
    expect((await bytesOfLog(directory)).includes('ada, old')).toBe(true);

    const set = await keep(ada, 7);
    expect(set).toMatchObject({ status: 200, body: { days: 7 } });
    await until(async () => (await found(ada)).length === 1);
    expect(await found(ada)).toEqual(['ada, today']);
    expect(await found(bob)).toEqual(['bob, old']);
    expect(await counted(ada)).toBe(1);
    expect(await counted(bob)).toBe(1);
    const path = `/api/v1/ingestion/events/${String(old.body['event_id'])}`;
    expect(await server.call('GET', path, { as: ada.key })).toMatchObject({ status: 404 });
    await agrees();

    await until(async () => !(await bytesOfLog(directory)).includes('ada, old'));
    await until(async () => (await job('log-verify')).log?.dropped === 3);
    expect((await job('log-verify')).log).toMatchObject({ dropped: 3, problems: [] });
    expect((await bytesOfLog(directory)).includes('ten years')).toBe(false);
    expect(await found(ada)).toEqual(['ada, today']);
    await agrees();
  });

  it('leaves a signed statement of what was there', async () => {
    const path = `/api/v2/audit/streams/retention-${ada.id}`;
    const { status, text } = await server.call('GET', path, { as: ada.token });
    expect(status).toBe(200);
    const records = (JSON.parse(text) as { data: { type: string; data: RetiredTelemetry }[] }).data;
    // Of ten years ago, of the old one's day and of last week.
    expect(records.map(({ type }) => type)).toEqual([
      'TelemetryRetired',
      'TelemetryRetired',
      'TelemetryRetired',
    ]);
    const { key } = logSigner(await readKey(directory, 'logSigning'));
    for (const { data } of records) {
      expect(data).toMatchObject({ days: 7, chunks: 1, events: 1 });
      expect(data.leaf_root).toMatch(/^[0-9a-f]{64}$/);
      const note = readNote(data.statement ?? '');
      if (!note) throw new Error('It is no note.');
      expect(checkSignature(verifyEd25519, note, key).found).toBe('valid');
      expect(note.text).toBe(statementText(ada.id as TenantId, data));
    }
  });

  it('refuses events that are older, by name', async () => {
    expect(await send(ada, 8, 'too late')).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/timestamp', code: 'timestamp_too_old' }] },
    });
    expect(await send(ada, 6, 'in time')).toMatchObject({ status: 201 });
    expect(await send(bob, 8, 'bob keeps all')).toMatchObject({ status: 201 });
    const lines = [
      { type: 'a', timestamp: Date.now() - 8 * DAY_MS },
      { type: 'b', timestamp: Date.now() },
    ];
    const batch = await server.call('POST', '/api/v1/ingestion/events/batch', { as: ada.key, json: lines });
    expect(batch).toMatchObject({
      status: 200,
      body: { accepted: 1, errors: [{ index: 0, code: 'timestamp_too_old', retryable: false }] },
    });
  });

  it('is set by administrators and by the operator, and by nobody else', async () => {
    const json = { days: 3 };
    for (const as of [ada.key, bob.token])
      expect(
        (await server.call('PUT', `/_ops/tenants/${ada.id}/retention`, { as, json })).status,
      ).toBeGreaterThan(400);
    const reader = await server.call('POST', '/api/v1/auth/api-keys', {
      as: ada.token,
      json: { name: 'reader', scopes: ['read'] },
    });
    const { key: as } = reader.body['api_key'] as { key: string };
    expect(await server.call('PUT', '/api/v2/ingestion/retention', { as, json })).toMatchObject({
      status: 403,
    });
    const path = `/_ops/tenants/${bob.id}/retention`;
    const operator = server.operator_token;
    expect(await server.call('PUT', path, { as: operator, json: { days: 365 } })).toMatchObject({
      status: 200,
    });
    expect(await server.call('GET', path, { as: operator })).toMatchObject({ body: { days: 365 } });
    for (const days of [0, -1, 1.5, 'x'])
      expect(await server.call('PUT', path, { as: operator, json: { days } })).toMatchObject({ status: 400 });
    expect(await found(bob)).toEqual(['bob keeps all', 'bob, old']);
  });

  it('retires and drops nothing while a deployment is under way', async () => {
    const as = server.operator_token;
    await send(bob, 3, 'bob, of Monday');
    const begun = await server.call('POST', '/_deploy/begin', { as, json: { release: 'next' } });
    expect(await keep(bob, 2)).toMatchObject({ status: 403, body: { code: 'deployment_in_progress' } });
    const override = { by: 'ada', reason: 'the test goes on' };
    const json = { deployment_id: begun.body['deployment_id'], override };
    expect(await server.call('POST', '/_deploy/complete', { as, json })).toMatchObject({ status: 200 });
    expect(await found(bob)).toContain('bob, of Monday');
    expect(await keep(bob, 2)).toMatchObject({ status: 200 });
    await until(async () => (await found(bob)).length === 0);
  });

  it('is the same after a restart', async () => {
    const before = await server.head();
    await server.stop();
    server = await start();
    expect(await server.head()).toBe(before);
    expect(await found(ada)).toEqual(expect.arrayContaining(['ada, today', 'in time']));
    await agrees();
    await until(async () => (await job('log-verify')).log?.dropped === 6);
    expect((await job('log-verify')).log).toMatchObject({ problems: [] });
  });
});
