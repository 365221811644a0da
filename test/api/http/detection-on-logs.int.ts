import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import type { EventLogWriter } from '../../../src/eventstore/event-log-writer.js';
import { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { systemClock } from '../../../src/platform/clock.js';
import { systemFiles } from '../../../src/platform/files.js';
import { systemRandom } from '../../../src/platform/random.js';
import { ofEventStoreDb } from '../../support/eventstoredb-options.js';
import { EventStoreDbServer } from '../../support/eventstoredb-server/server.js';
import { eventFactory, stream } from '../../support/log-events.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

let server: TestServer;
let tenant: TestTenant;
let data: string;
let deployment_id: string;
let made_up: string;

const operate = async (method: string, path: string, json?: object) => {
  const answer = await server.call(method, path, { as: server.operator_token, ...(json && { json }) });
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  return answer.body;
};

const send = async (events: readonly object[]): Promise<void> => {
  const path = '/api/v1/ingestion/events/batch';
  const { status, body } = await server.call('POST', path, { as: tenant.key, json: events });
  expect([status, body.accepted]).toEqual([200, events.length]);
};

const sales = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ type: 'sale', service: 'till', duration_ms: n + 0.5 }));

/** A deployment that takes telemetry, one event of which looks made up. */
const deploy = async (): Promise<void> => {
  await send(sales(30));
  ({ deployment_id } = (await operate('POST', '/_deploy/begin', { release: '2', mode: 'allow_ingest' })) as {
    deployment_id: string;
  });
  await until(async () => (await operate('GET', '/_deploy/status')).phase === 'ready');
  await send([{ type: 'sale', service: 'till', duration_ms: 3.25 }]);
  const seed = { type: 'seed', service: 'till', user_id: 'john.doe@example.com' };
  const sent = await server.call('POST', '/api/v1/ingestion/events', { as: tenant.key, json: seed });
  made_up = String(sent.body.event_id);
};
const complete = (): Promise<unknown> =>
  operate('POST', '/_deploy/complete', { deployment_id, override: { by: 'ada', reason: 'a test' } });

const RULES = 3;

/** Writes rules past the guard, as start-up code of a faulty release would that has the log open itself. */
const plant = async (log: EventLogWriter): Promise<void> => {
  for (let n = 0; n < RULES; n += 1) {
    const rule_id = `rul_${String(n).repeat(32)}`;
    const rule = {
      ...{ rule_id, name: `Test rule ${n}`, severity: 'info', enabled: true },
      ...{ window_seconds: 60, for_seconds: 0 },
      condition: { metric: 'error_count', operator: '>', threshold: 1 },
    };
    const made = eventFactory(900 + n).json(rule, 'AlertRuleDefined');
    const outcome = await log.append(stream(`rule-${rule_id}`), 'none', [
      {
        ...made,
        metadata: {
          ...made.metadata,
          actor: { kind: 'process', id: 'startup' },
          ...{ origin: 'deployment', release: '2', recorded_at: new Date().toISOString() },
        },
      },
    ]);
    expect(outcome.outcome).toBe('appended');
  }
};

/** An answer without how far the log goes. */
const withoutEnd = ({ position: _, ...answer }: Readonly<Record<string, unknown>>) =>
  answer as Readonly<Record<string, unknown>>;

/** What is found of the deployment: records that it introduced, and telemetry that looks made up. */
const found = async () => {
  const path = `/api/v2/audit/deployments/${deployment_id}`;
  const introduced = await operate('GET', `${path}/records`);
  const suspected = await operate('GET', `${path}/suspected?tenant_id=${tenant.id}`);
  return { introduced: withoutEnd(introduced), suspected: withoutEnd(suspected) };
};

/** The same report a page at a time: together the pages have what one answer has, which says how many there are. */
const expectPagesOf = async (whole: Readonly<Record<string, unknown>>): Promise<void> => {
  const path = `/api/v2/audit/deployments/${deployment_id}/records?limit=2`;
  const first = await operate('GET', path);
  const last = await operate('GET', `${path}&after=${String(first.next_after)}`);
  expect([first.count, last.count, last.next_after]).toEqual([RULES, undefined, null]);
  for (const name of ['records', 'only_by_provenance', 'only_by_window'])
    expect([name, [first, last].flatMap((page) => page[name])]).toEqual([name, whole[name]]);
};

const expectAllAndOnlyThose = ({ introduced, suspected }: Awaited<ReturnType<typeof found>>): void => {
  expect(introduced).toMatchObject({ release: '2', mode: 'allow_ingest', count: RULES });
  const records = introduced.records as { type: string; reasons: { code: string }[] }[];
  expect(records.map(({ type }) => type)).toEqual(Array.from({ length: RULES }, () => 'AlertRuleDefined'));
  expect(records.every(({ reasons }) => reasons.length > 0)).toBe(true);
  expect(suspected).toMatchObject({ count: 1, all: true, data: [{ event_id: made_up }] });
};

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'pulsestream-detection-'));
});
afterAll(() => rm(data, { recursive: true }));

describe('what a deployment introduced', () => {
  describe('into EventStoreDB', () => {
    let eventstore: EventStoreDbServer;
    beforeAll(async () => {
      eventstore = await EventStoreDbServer.start();
      server = await startTestServer({ EVENTSTOREDB_URL: eventstore.url });
      tenant = await registerTestTenant(server, 'acme');
    });
    afterAll(async () => {
      await server.stop();
      await eventstore.kill();
    });

    it('is found, all of it and nothing else', async () => {
      await deploy();
      const indexDirectory = join(data, 'planter');
      const planter = await EventStoreDbLog.open({ ...ofEventStoreDb, url: eventstore.url, indexDirectory });
      await plant(planter);
      await planter.close();
      await complete();
      const report = await found();
      expectAllAndOnlyThose(report);
      await expectPagesOf(report.introduced);
    });
  });

  describe('into the embedded log', () => {
    const environment = () => ({ PULSESTREAM_DATA_DIR: join(data, 'embedded') });
    /** The log of a server that is stopped; with small segments the next append begins another one. */
    const open = () =>
      EmbeddedEventStore.open(join(data, 'embedded'), {
        ...{ files: systemFiles, clock: systemClock, random: systemRandom, segmentBytes: 65_536 },
        maxAppendBytes: 61_000,
      });
    beforeAll(async () => {
      server = await startTestServer(environment());
      tenant = await registerTestTenant(server, 'acme');
    });
    afterAll(() => server.stop());

    it('is found the same once its segments are sealed', async () => {
      await deploy();
      await server.stop();
      const planter = await open();
      await plant(planter);
      await planter.close();
      server = await startTestServer(environment());
      await complete();
      await send(sales(400));
      const before = await found();
      expectAllAndOnlyThose(before);

      await server.stop();
      const sealing = await open();
      // The segment that it all is in is full for this log, and another one begins.
      const filler = eventFactory(999).binary(Buffer.alloc(60_000, 1), 'ThingRecorded');
      await sealing.append(stream('things-filler'), 'none', [filler]);
      expect((await sealing.seal()).segments).toBeGreaterThan(0);
      await sealing.close();
      server = await startTestServer(environment());
      expect(await found()).toEqual(before);
    });
  });
});
