import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AccessTokens } from '../../../src/commands/access/tokens.js';
import { beginDeployment } from '../../../src/commands/begin-deployment.js';
import { Claims } from '../../../src/commands/claims.js';
import { defineRule } from '../../../src/commands/define-rule.js';
import { DeploymentGuard } from '../../../src/commands/guard.js';
import { CommandPipeline } from '../../../src/commands/handle.js';
import { overrideDeployment } from '../../../src/commands/override-deployment.js';
import { ChunkWriter } from '../../../src/commands/ingest/chunk-writer.js';
import { TelemetryIngest } from '../../../src/commands/ingest/ingest.js';
import { RecordWriter } from '../../../src/commands/writer.js';
import { alertEventTypes } from '../../../src/domain/alerting/alert.js';
import type { ApiKeyId } from '../../../src/domain/ids.js';
import { apiKeyPrincipal, operatorPrincipal } from '../../../src/domain/tenancy/access.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { START, type RecordedEvent } from '../../../src/eventstore/event-store.js';
import { systemRandom } from '../../../src/platform/random.js';
import { alertEvaluation } from '../../../src/processes/alert-evaluation/alert-evaluation.js';
import { recordThrough } from '../../../src/processes/alert-evaluation/record-transition.js';
import { ProcessManager } from '../../../src/processes/process-manager.js';
import { CurrentQuarantines } from '../../../src/quarantine/current.js';
import { Snapshots } from '../../../src/processes/snapshots.js';
import { EmbeddedReadStore } from '../../../src/readstore/embedded/embedded-read-store.js';
import { acme, at, failed, times } from '../../support/alert-evaluation.js';
import { PlainPasswords, requestOf, valueOf } from '../../support/command-bench.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../../support/embedded-log.js';
import { ManualClock } from '../../support/manual-clock.js';
import { noQuotas } from '../../support/limits.js';
import { MemoryClientIds } from '../../support/memory-client-ids.js';
import { testPeople } from '../../support/people.js';
import { until } from '../../support/until.js';

const override = { by: 'ada', reason: 'the test is about what happens meanwhile' };
const KEY = Buffer.alloc(32, 7);
const client = apiKeyPrincipal(acme, 'key_1' as ApiKeyId, ['ingest', 'alerting']);
const rule = {
  ...{ name: 'Too many errors', severity: 'critical', window_seconds: 60, for_seconds: 10 },
  condition: { metric: 'error_count', operator: '>', threshold: 5 },
};

/** One process over the stores in a directory, as the composition puts it together. */
const startedOn = async (directory: string, clock: ManualClock) => {
  const log = await EmbeddedEventStore.open(`${directory}/log`, smallLog);
  const store = await EmbeddedReadStore.open(`${directory}/models`);
  const instance = { instance_id: 'test', release: '1' };
  const guard = new DeploymentGuard(false);
  const writer = new RecordWriter(log, guard, clock, instance, testPeople());
  const claims = new Claims(store.register, clock, systemRandom, KEY, instance.instance_id);
  const pipeline = new CommandPipeline(log, writer, guard, claims, {
    ...{ clock, random: systemRandom, passwords: new PlainPasswords(), answers_key: KEY },
    tokens: new AccessTokens(KEY, clock),
    pseudonym: (_kind, value) => value,
    credentialChanged: () => undefined,
    settingsChanged: () => undefined,
    eraser: { carryOut: () => Promise.resolve() },
    quarantines: new CurrentQuarantines(log, clock),
  });
  const chunks = new ChunkWriter(writer, clock, systemRandom, instance, { shard: '0' });
  const clientIds = new MemoryClientIds(log, clock);
  const ingest = new TelemetryIngest(chunks, clientIds, guard, claims, noQuotas, clock, systemRandom);
  const quiet = () => undefined;
  const manager = new ProcessManager(alertEvaluation(5, recordThrough(pipeline)), {
    ...{ log, clock, snapshots: new Snapshots(store), settle: (time) => writer.settle(time) },
    logger: { info: quiet, warn: quiet, error: quiet },
  });
  manager.start();
  const stop = async (): Promise<void> => {
    await manager.stop();
    await log.close();
    await store.close();
  };
  return { log, store, pipeline, ingest, manager, stop };
};

describe('alert evaluation on the embedded stores', () => {
  let directory: string;
  let clock: ManualClock;
  let server: Awaited<ReturnType<typeof startedOn>>;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    await EmbeddedEventStore.initialise(`${directory}/log`, smallLog);
    await EmbeddedReadStore.initialise(`${directory}/models`);
    clock = new ManualClock(at(1));
    server = await startedOn(directory, clock);
  });
  afterEach(async () => {
    await server.stop();
    await removeDirectory(directory);
  });

  const alerts = async (): Promise<readonly RecordedEvent[]> => {
    const found: RecordedEvent[] = [];
    for await (const { events } of server.log.readAll(START, { types: alertEventTypes }))
      found.push(...events);
    return found;
  };
  /** The alert events, as soon as there are so many. */
  const recorded = async (count: number): Promise<readonly RecordedEvent[]> => {
    await until(async () => (await alerts()).length >= count);
    return alerts();
  };
  const decidedUpTo = (seconds: number) =>
    until(() => server.manager.status().details['boundary'] === new Date(at(seconds)).toISOString());
  /** Lets the time pass in grid steps, as the clock does. */
  const passTo = async (seconds: number): Promise<void> => {
    while (clock.now() < at(seconds)) {
      clock.advance(Math.min(5_000, at(seconds) - clock.now()));
      await decidedUpTo(Math.floor((clock.now() - at(0)) / 5_000) * 5);
    }
  };
  const ruleDefined = async (): Promise<void> => {
    valueOf(await server.pipeline.execute(defineRule, rule, requestOf(client)));
    await until(() => server.manager.status().details['rules'] === 1);
  };
  const errors = async (count: number): Promise<void> => {
    const body = Buffer.from(JSON.stringify(times(count, failed())));
    valueOf(await server.ingest.batch(body, 'json', requestOf(client)));
  };

  it('raises an alert, fires it and resolves it, over a restart in the middle, and says why in its provenance', async () => {
    await ruleDefined();
    await errors(6);
    await passTo(10);
    expect((await recorded(1)).map(({ type }) => type)).toEqual(['AlertPending']);

    await server.stop();
    server = await startedOn(directory, clock);
    await passTo(70);

    const story = await recorded(3);
    expect(story.map(({ type }) => type)).toEqual(['AlertPending', 'AlertFired', 'AlertResolved']);
    expect(new Set(story.map(({ stream }) => stream)).size).toBe(1);
    const chunks: RecordedEvent[] = [];
    for await (const { events } of server.log.readAll(START, { types: ['TelemetryRecorded'] }))
      chunks.push(...events);
    for (const { metadata } of story)
      expect(metadata).toMatchObject({
        tenant_id: acme,
        actor: { kind: 'process', id: 'alert-evaluator' },
        origin: 'process_manager',
        causation_id: chunks[0]?.id,
        correlation_id: chunks[0]?.metadata.correlation_id,
      });
  });

  it('appends nothing when it starts over with its state lost', async () => {
    await ruleDefined();
    await errors(6);
    await passTo(20);
    await recorded(2);
    await server.manager.stop();
    const entry = await server.store.register.get('processes/alert-evaluation');
    expect(entry).toBeDefined();
    await server.store.register.delete('processes/alert-evaluation');
    await server.stop();

    server = await startedOn(directory, clock);
    const head = await server.log.head();
    await until(() => server.manager.status().caught_up);
    clock.advance(1_000);
    expect(await server.log.head()).toBe(head);

    await passTo(70);
    expect((await recorded(3)).map(({ type }) => type)).toEqual([
      'AlertPending',
      'AlertFired',
      'AlertResolved',
    ]);
  });

  it('waits while a deployment is under way and then records what it decided, with the boundaries it was decided at', async () => {
    await ruleDefined();
    const deployment = { release: '2', mode: 'allow_ingest' };
    const begun = valueOf(
      await server.pipeline.execute(beginDeployment, deployment, requestOf(operatorPrincipal)),
    );
    await errors(6);
    clock.advance(9_000);
    await until(() => server.manager.status().state === 'waiting');
    expect(await alerts()).toEqual([]);

    const { deployment_id } = begun;
    valueOf(
      await server.pipeline.execute(
        overrideDeployment,
        { deployment_id, override },
        requestOf(operatorPrincipal),
      ),
    );
    clock.advance(30_000);
    expect(
      (await recorded(2)).map(({ type, data }) => [type, 'evaluated_at' in data && data.evaluated_at]),
    ).toEqual([
      ['AlertPending', new Date(at(5)).toISOString()],
      ['AlertFired', new Date(at(15)).toISOString()],
    ]);
  });
});
