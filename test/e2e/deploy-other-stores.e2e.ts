import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import type { EventId, TenantId } from '../../src/domain/ids.js';
import { EventStoreDbLog } from '../../src/eventstore/eventstoredb/event-store-db-log.js';
import { addRestartScript, runningRelease, runningServer, stopRunningServer } from '../support/deploying.js';
import { ofEventStoreDb } from '../support/eventstoredb-options.js';
import { EventStoreDbServer } from '../support/eventstoredb-server/server.js';
import { hasGo, startFerretDb, type FerretDb } from '../support/ferretdb.js';
import { eventFactory, stream } from '../support/log-events.js';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  spawnCli,
  startServer,
  type RegisteredTenant,
} from '../support/started-server.js';
import { until } from '../support/until.js';

const describeWithMongoDb = hasGo() ? describe : describe.skip;

/** Deployments of the whole server on EventStoreDB (an imitation of it) and MongoDB (FerretDB). */
describeWithMongoDb('pulsestream deploy on EventStoreDB and MongoDB', () => {
  let eventstore: EventStoreDbServer;
  let ferret: FerretDb;
  let environment: Record<string, string>;
  let data: string;
  let tenant: RegisteredTenant;

  beforeAll(async () => {
    eventstore = await EventStoreDbServer.start();
    ferret = await startFerretDb();
    data = await freshData({ EVENTSTOREDB_URL: eventstore.url, MONGODB_URL: ferret.url });
    environment = {
      EVENTSTOREDB_URL: eventstore.url,
      MONGODB_URL: ferret.url,
      PULSESTREAM_CHECKPOINT_SECONDS: '1',
      PULSESTREAM_CHECKPOINT_FILE: join(data, 'checkpoints'),
      PULSESTREAM_RELEASE: 'r1',
    };
    await addRestartScript(data);
    const { url } = await startServer(data, environment);
    tenant = await registerTenant(url);
    for (let i = 0; i < 3; i += 1) await send(url);
  });
  afterAll(async () => {
    await stopRunningServer(data);
    await eventstore.kill();
    await ferret.stop();
    await removeData(data);
  });

  const send = (url: string): Promise<unknown> =>
    postJson(`${url}/api/v1/ingestion/events`, { type: 'api_call' }, { 'x-api-key': tenant.api_key });
  const deploy = (what: string, ...args: readonly string[]) =>
    runCli(data, ['deploy', what, '--json', ...args], environment);
  const resultOf = (stdout: string) => JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  const reportOf = async (stdout: string) => {
    const [report = ''] = resultOf(stdout).reports as string[];
    return JSON.parse(await readFile(report, 'utf8')) as Readonly<Record<string, unknown>>;
  };
  const rules = async (): Promise<readonly unknown[]> => {
    const { url } = await runningServer(data);
    const headers = { authorization: `Bearer ${tenant.access_token}` };
    const response = await fetch(`${url}/api/v1/alerting/rules`, { headers });
    return ((await response.json()) as { data: unknown[] }).data;
  };

  it('checks, notes position and root for a backup, restarts the server, verifies and completes', async () => {
    const { code, stdout, stderr } = await deploy('run', '--release', 'r2', '--', 'sh', 'restart.sh');
    expect([code, stderr]).toEqual([0, expect.stringContaining('its own backup has to reach position')]);
    expect(resultOf(stdout)).toMatchObject({ ok: true, outcome: 'deployed', release: 'r2' });
    expect(await runningRelease(data)).toBe('r2');
    const report = await reportOf(stdout);
    expect(report).toMatchObject({
      measured: {
        backup: { kind: 'position', root: expect.stringMatching(/^[\w+/]{43}=$/) },
        before: { categories: { telemetry: { records: 3 }, deployments: { records: 1 } } },
      },
      verified: [{ passed: true, findings: [] }],
      end: { outcome: 'completed' },
    });
    await send((await runningServer(data)).url);
  }, 300_000);

  it('finds a record that was written past the guard, sets it aside and rolls back', async () => {
    const before = await rules();
    const child = spawnCli(
      data,
      ['deploy', 'run', '--json', '--release', 'r3', '--rollback-command', 'sh restart.sh'].concat([
        '--',
        'sh',
        '-c',
        'touch started; until [ -e planted ]; do sleep 0.2; done',
      ]),
      environment,
    );
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.resume();
    const closed = once(child, 'close') as Promise<[number]>;
    await until(
      () =>
        readFile(join(data, 'started')).then(
          () => true,
          () => false,
        ),
      240_000,
    );
    await plantRule();
    await writeFile(join(data, 'planted'), '');
    const [code] = await closed;
    expect([code, resultOf(stdout)]).toEqual([
      1,
      expect.objectContaining({ outcome: 'rolled_back', why: expect.stringContaining('found 1 things') }),
    ]);
    const report = await reportOf(stdout);
    expect(report).toMatchObject({
      verified: [{ passed: false, findings: [{ code: 'record_introduced' }] }, { passed: true }],
      end: { outcome: 'rolled_back' },
    });
    expect(await rules()).toEqual(before);
    await send((await runningServer(data)).url);
  }, 300_000);

  /** As start-up code of a faulty release would that has a connection of its own. */
  const plantRule = async (): Promise<void> => {
    const log = await EventStoreDbLog.open({
      ...ofEventStoreDb,
      url: eventstore.url,
      indexDirectory: join(data, 'planter'),
    });
    const rule_id = `rul_${'5'.repeat(32)}`;
    const made = eventFactory().json(
      {
        ...{
          rule_id,
          name: 'Test rule',
          severity: 'info',
          enabled: true,
          window_seconds: 60,
          for_seconds: 0,
        },
        condition: { metric: 'error_count', operator: '>', threshold: 1 },
      },
      'AlertRuleDefined',
    );
    await log.append(stream(`rule-${rule_id}`), 'none', [
      {
        ...made,
        id: '00000005-0000-8000-8000-000000000005' as EventId,
        metadata: {
          ...made.metadata,
          tenant_id: tenant.tenant_id as TenantId,
          actor: { kind: 'process', id: 'startup' },
          origin: 'deployment',
          recorded_at: new Date().toISOString(),
        },
      },
    ]);
    await log.close();
  };

  it('finds what was changed before the begin, and leaves the guard up', async () => {
    const child = spawnCli(
      data,
      ['deploy', 'run', '--json', '--release', 'r4', '--', 'sh', '-c'].concat([
        'touch started-4; until [ -e changed ]; do sleep 0.2; done',
      ]),
      environment,
    );
    child.stdout.resume();
    child.stderr.resume();
    const closed = once(child, 'close') as Promise<[number]>;
    await until(
      () =>
        readFile(join(data, 'started-4')).then(
          () => true,
          () => false,
        ),
      240_000,
    );
    const { records } = eventstore.database;
    const at = records.findIndex(({ type }) => type === 'TelemetryRecorded');
    const original = records[at]!;
    const text = Buffer.from(original.data).toString('latin1');
    expect(text).toContain('api_call');
    records[at] = { ...original, data: Buffer.from(text.replace('api_call', 'api_cell'), 'latin1') };
    await writeFile(join(data, 'changed'), '');
    expect((await closed)[0]).toBe(4);
    const status = (await runCliJson(data, ['deploy', 'status'], environment)) as {
      mode: string;
      verified: { findings: { code: string; detail: string }[] };
    };
    expect(status.mode).toBe('strict');
    expect(status.verified.findings[0]).toMatchObject({
      code: 'records_changed',
      detail: expect.stringContaining('telemetry'),
    });

    // What was changed is put back, as from a backup: now everything is as it was.
    records[at] = original;
    expect((await deploy('resume')).code).toBe(1);
    expect(await runCliJson(data, ['deploy', 'status'], environment)).toMatchObject({ mode: 'open' });
  }, 300_000);

  it('leaves a log that checks out: checkpoints, the copy of it, the tree', async () => {
    const copies = environment.PULSESTREAM_CHECKPOINT_FILE!;
    await send((await runningServer(data)).url);
    const kept = await readFile(copies, 'utf8');
    await until(async () => (await readFile(copies, 'utf8')).length > kept.length);
    expect(
      await runCliJson(data, ['audit', 'export', '--to', join(data, 'copy')], environment),
    ).toMatchObject({
      ok: true,
    });
    const { verifier_key } = (await runCliJson(data, ['audit', 'key'], environment)) as {
      verifier_key: string;
    };
    const verify = [
      'audit',
      'verify',
      '--data',
      join(data, 'copy'),
      '--key',
      verifier_key,
      '--witness',
      copies,
    ];
    expect(await runCliJson(data, verify, environment)).toMatchObject({ ok: true, problems: [] });
  }, 120_000);
});
