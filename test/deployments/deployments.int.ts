import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import type { TenantId } from '../../src/domain/ids.js';
import { START } from '../../src/eventstore/event-store.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemFiles } from '../../src/platform/files.js';
import { systemRandom } from '../../src/platform/random.js';
import { plantRecords } from '../support/planting.js';
import { event, rule } from '../support/route-bodies.js';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type TestServer,
  type TestTenant,
} from '../support/server.js';
import { until } from '../support/until.js';

let directory: string;
let server: TestServer;
let ada: TestTenant;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-deployments-'));
  server = await start();
  ada = await registerTestTenant(server, 'ada');
  await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
  await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event });
});
afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

const start = () => startTestServer({ PULSESTREAM_DATA_DIR: directory });
const operate = (method: string, path: string, json?: object): Promise<Answer> =>
  server.call(method, `/_deploy/${path}`, { as: server.operator_token, ...(json && { json }) });

interface Status {
  readonly phase: string;
  readonly mode: string;
  readonly error?: string;
  readonly before: { readonly root: string; readonly position: string };
  readonly backup: { readonly place: string; readonly records: number };
  readonly verified: { readonly passed: boolean; readonly findings: readonly { readonly code: string }[] };
  readonly last?: { readonly deployment_id: string; readonly outcome: string };
}
const status = async (): Promise<Status> => (await operate('GET', 'status')).body as unknown as Status;

/** Waits until nothing is being done any more, and answers how it came out. */
const settled = async (): Promise<Status> => {
  await until(
    async () => !['preparing', 'verifying', 'rolling_back'].includes((await status()).phase),
    60_000,
  );
  return status();
};

const begin = async (mode: 'strict' | 'allow_ingest' = 'strict'): Promise<string> => {
  const { body } = await operate('POST', 'begin', { release: 'r2', mode });
  expect((await settled()).phase).toBe('ready');
  return body.deployment_id as string;
};
const verify = async (deployment_id: string, more: object = {}): Promise<Status> => {
  expect((await operate('POST', 'verify', { deployment_id, ...more })).status).toBe(202);
  return settled();
};
const codesOf = ({ verified }: Status): readonly string[] => verified.findings.map(({ code }) => code);

describe('a deployment that changes nothing', () => {
  it('is verified and completed, over a restart', async () => {
    const deployment_id = await begin();
    await server.stop();
    server = await start();
    const { phase, verified } = await verify(deployment_id);
    expect([phase, verified]).toMatchObject(['verified', { passed: true, findings: [] }]);
    expect((await operate('POST', 'complete', { deployment_id })).status).toBe(200);
    expect(await status()).toMatchObject({
      phase: 'none',
      mode: 'open',
      last: { deployment_id, outcome: 'completed' },
    });
    const made = await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    expect(made.status).toBe(201);
  });

  it('may take marked telemetry meanwhile, where it was begun so', async () => {
    const deployment_id = await begin('allow_ingest');
    for (let i = 0; i < 5; i += 1) {
      const { status } = await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event });
      expect(status).toBe(201);
    }
    expect(await verify(deployment_id)).toMatchObject({ phase: 'verified', verified: { findings: [] } });
  });

  it('is rolled back and leaves the guard down', async () => {
    const deployment_id = await begin();
    expect((await operate('POST', 'rollback', { deployment_id, reason: 'changed my mind' })).status).toBe(
      202,
    );
    expect(await settled()).toMatchObject({
      phase: 'none',
      mode: 'open',
      last: { deployment_id, outcome: 'rolled_back', reason: 'changed my mind' },
    });
  });

  it('has a backup that holds the log as it was, and is a log of its own', async () => {
    await begin();
    const { backup, before } = await status();
    const records = await server.records();
    const found = records.filter(({ position }) => position <= before.position);
    expect(backup.records).toBe(found.length);
    const options = { files: systemFiles, clock: systemClock, random: systemRandom };
    // Makes the room for an index; what is there stays as it is.
    await EmbeddedEventStore.initialise(backup.place, options);
    const copy = await EmbeddedEventStore.open(backup.place, options);
    const restored = [];
    for await (const batch of copy.readAll(START)) restored.push(...batch.events);
    await copy.close();
    expect(JSON.stringify(restored)).toBe(JSON.stringify(found));
  });

  it('keeps the newest backups only', async () => {
    const made: string[] = [];
    for (let i = 0; i < 7; i += 1) {
      const deployment_id = await begin();
      made.push(deployment_id);
      await operate('POST', 'complete', {
        deployment_id,
        override: { by: 'ada', reason: 'counting backups' },
      });
    }
    expect((await readdir(join(directory, 'backups'))).sort()).toEqual(made.slice(-5));
  });
});

describe('a deployment whose start-up code writes records past the guard', () => {
  let deployment_id: string;
  beforeEach(async () => {
    deployment_id = await begin();
    await server.stop();
    await plantRecords(directory, 8);
    server = await start();
  });

  it('is rejected, record by record, and the guard stays up', async () => {
    const rejected = await verify(deployment_id);
    expect(rejected).toMatchObject({ phase: 'rejected', mode: 'strict' });
    expect(codesOf(rejected)).toEqual(Array.from({ length: 8 }, () => 'record_introduced'));
    const complete = await operate('POST', 'complete', { deployment_id });
    expect([complete.status, complete.body.code]).toEqual([409, 'verification_failed']);
    const refused = await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    expect(refused.body.code).toBe('deployment_in_progress');
  });

  it('is ended by a person who says why', async () => {
    await verify(deployment_id);
    const override = { by: 'Ada Lovelace', reason: 'the eight are known' };
    expect((await operate('POST', 'complete', { deployment_id, override })).status).toBe(200);
    const { body } = await operate('GET', `${deployment_id}/report`);
    expect(body).toMatchObject({
      release: 'r2',
      end: { outcome: 'overridden', ...override },
      verified: [{ passed: false, finding_count: 8 }],
    });
  });

  it('has a report that can be printed, in which nothing is markup that should be text', async () => {
    await verify(deployment_id);
    await operate('POST', 'complete', {
      deployment_id,
      override: { by: '<script>alert(1)</script>', reason: 'x' },
    });
    const { status, text, headers } = await operate('GET', `${deployment_id}/report?format=html`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).toContain('failed with 8 findings');
    expect(text).toContain('&lt;script&gt;');
    expect(text).not.toContain('<script');
  });
});

describe('rolling back a deployment that wrote records past the guard', () => {
  const rules = async (): Promise<readonly unknown[]> =>
    (await server.call('GET', '/api/v1/alerting/rules', { as: ada.token })).body.data as unknown[];
  const rollBack = async (deployment_id: string): Promise<Status> => {
    const { status } = await operate('POST', 'rollback', { deployment_id, reason: 'it wrote' });
    expect(status).toBe(202);
    return settled();
  };

  it('sets them aside: what people see is what they saw, and the log has all', async () => {
    const seen = await rules();
    const deployment_id = await begin();
    await server.stop();
    await plantRecords(directory, 8, { tenant_id: ada.id as TenantId });
    server = await start();
    await server.settled();
    expect(await rules()).toHaveLength(seen.length + 8);
    expect(codesOf(await verify(deployment_id))).toHaveLength(8);

    expect(await rollBack(deployment_id)).toMatchObject({
      phase: 'none',
      mode: 'open',
      last: { deployment_id, outcome: 'rolled_back' },
    });
    expect(await rules()).toEqual(seen);
    const types = (await server.records()).map(({ type }) => type);
    expect(types.filter((type) => type === 'AlertRuleDefined')).toHaveLength(seen.length + 8);
    const { body } = await server.call('GET', '/api/v2/audit/quarantine', { as: ada.token });
    expect(body.data).toMatchObject([{ status: 'approved', deployment_id }]);
  });

  it('leaves the guard up where they are no tenant’s, and cannot be set aside', async () => {
    const deployment_id = await begin();
    await server.stop();
    await plantRecords(directory, 2);
    server = await start();
    const stuck = await rollBack(deployment_id);
    expect(stuck).toMatchObject({ phase: 'rejected', mode: 'strict' });
    expect(codesOf(stuck)).toEqual(['record_introduced', 'record_introduced']);
  });
});

describe('what was measured before a deployment', () => {
  it('is held against what the deployer remembers of it', async () => {
    const deployment_id = await begin();
    const { before } = await status();
    expect(await verify(deployment_id, { root: before.root })).toMatchObject({ phase: 'verified' });
    expect(codesOf(await verify(deployment_id, { root: '0'.repeat(64) }))).toEqual(['records_changed']);
  });

  it('is measured again where that was interrupted', async () => {
    const { body } = await operate('POST', 'begin', { release: 'r2' });
    const { deployment_id } = body as { deployment_id: string };
    await server.stop();
    server = await start();
    await operate('POST', 'begin', { release: 'r2', deployment_id });
    expect(await settled()).toMatchObject({ phase: 'ready', deployment_id });
    expect((await stat((await status()).backup.place)).isDirectory()).toBe(true);
  });
});

describe('before a deployment', () => {
  it('a backup is needed: where none can be made the guard is up, it says why, and nothing can be verified', async () => {
    await server.stop();
    server = await startTestServer({
      PULSESTREAM_DATA_DIR: directory,
      PULSESTREAM_BACKUP_DIR: '/dev/null/backups',
    });
    const { body } = await operate('POST', 'begin', { release: 'r2' });
    const { phase, error } = await settled();
    expect([phase, error]).toEqual(['interrupted', expect.stringContaining('/dev/null')]);
    const early = await operate('POST', 'verify', { deployment_id: body.deployment_id });
    expect([early.status, early.body.code]).toEqual([409, 'not_measured']);
  });

  it('an unknown deployment has no report and cannot be verified', async () => {
    const deployment_id = `dep_${'0'.repeat(32)}`;
    expect((await operate('GET', `${deployment_id}/report`)).status).toBe(404);
    expect((await operate('POST', 'verify', { deployment_id })).status).toBe(404);
    expect((await operate('POST', 'rollback', { deployment_id, reason: 'x' })).status).toBe(404);
  });
});
