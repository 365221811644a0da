import { describe, expect, it } from '@jest/globals';
import { cutTelemetry } from '../../../src/commands/erasure/cut-telemetry.js';
import { requestTelemetryErasure } from '../../../src/commands/erasure/request-erasure.js';
import type { TenantId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { TELEMETRY_RECORDED } from '../../../src/domain/telemetry/stored-chunk.js';
import { chunkIdOf } from '../../../src/domain/telemetry/address.js';
import { START, type RecordedEvent, type StreamName } from '../../../src/eventstore/event-store.js';
import {
  completeTelemetryErasure,
  erasuresOf,
  eraseTelemetry,
  type ErasingTools,
} from '../../../src/processes/erasure/erase-telemetry.js';
import { ErasureDesk } from '../../../src/processes/erasure/erasure-desk.js';
import { SearchProgress } from '../../../src/processes/erasure/search-progress.js';
import type { ReactionOutcome } from '../../../src/processes/process.js';
import { retention, type RetentionReaction } from '../../../src/processes/retention/retention.js';
import { uuidFrom } from '../../../src/platform/uuid.js';
import { VisibleLog } from '../../../src/quarantine/visible-log.js';
import { commandBench, registered, requestOf, valueOf } from '../../support/command-bench.js';
import { revision } from '../../support/log-events.js';

const signal = new AbortController().signal;
const ADA = 'ada@example.com';
const done: ReactionOutcome = { outcome: 'done' };

/** A tenant with so many chunks of telemetry, every third of its events a person's, in a log whose files are a server's. */
const withTelemetry = async (chunks: number, pseudonyms?: true) => {
  const bench = commandBench();
  const { log, clock, pipeline } = bench;
  const { tenant, principal } = await registered(bench);
  const tenant_id = tenant.id;
  for (let n = 0; n < chunks; n += 1) {
    const lines = [0, 1, 2].map((i) =>
      JSON.stringify({ type: 'api_call', user_id: i === n % 3 ? ADA : `other-${i}` }),
    );
    const data = Buffer.from(lines.join('\n'));
    await log.append(`telemetry-${tenant_id}-a-20260101` as StreamName, n === 0 ? 'none' : revision(n - 1), [
      {
        id: chunkIdOf(uuidFrom('chunk', String(n))),
        type: TELEMETRY_RECORDED,
        schema_version: 1,
        data,
        metadata: {
          tenant_id,
          actor: principal.actor,
          ...{ origin: 'api', request_id: 'r', correlation_id: 'r', causation_id: 'r' },
          ...{ instance_id: 'test', release: '0', guard_epoch: 0, recorded_at: '2026-01-01T00:00:00.000Z' },
          chunk: {
            ...(pseudonyms && { pseudonyms }),
            ...{ codec: 'ndjson', count: 3, min_time: 0, max_time: 0, received_at: 0 },
            ...{ producer: 'test', first_sequence: 0 },
          },
        },
      },
    ]);
  }
  const input = { field: 'user_id', value: ADA } as const;
  const { erasure_id } = valueOf(
    await pipeline.execute(requestTelemetryErasure, input, requestOf(principal)),
  );
  const progress = new SearchProgress();
  let guarded = false;
  const tools: ErasingTools = {
    ...{ pipeline, log, clock, progress },
    files: undefined,
    signer: undefined,
    pseudonym: (field, value) => bench.services.pseudonym(field, value),
    isGuarded: () => guarded,
  };
  return {
    ...{ bench, log, tenant_id, erasure_id, tools, principal },
    desk: new ErasureDesk(log, clock, progress),
    guard: (up: boolean) => (guarded = up),
  };
};

/** Goes along the log as the process manager does. */
const react = async (
  log: { readonly events: readonly RecordedEvent[] },
  tools: ErasingTools,
): Promise<readonly ReactionOutcome[]> => {
  const process = retention({
    retire: () => Promise.resolve(done),
    drop: () => Promise.resolve(done),
    erase: eraseTelemetry(tools),
    complete: completeTelemetryErasure(tools),
  });
  const run = await process.begin({ readAll: () => ({}) as never });
  const outcomes: ReactionOutcome[] = [];
  for (let n = 0; n < log.events.length; n += 1) {
    const reactions: readonly RetentionReaction[] = run.take(log.events[n]!);
    for (const step of process.steps(reactions))
      for (const reaction of step) outcomes.push(await process.react(reaction, signal));
  }
  return outcomes;
};

const personsIn = async (log: VisibleLog, tenant: TenantId): Promise<readonly string[]> => {
  const persons: string[] = [];
  for await (const { events } of log.readAll(START, { stream_prefix: `telemetry-${tenant}` }))
    for (const { data } of events)
      for (const line of Buffer.from(data as Uint8Array)
        .toString()
        .split('\n'))
        persons.push((JSON.parse(line) as { user_id: string }).user_id);
  return persons;
};

describe('erasing where a server keeps the files', () => {
  it('shows the events nowhere, and says that they are still there', async () => {
    const { bench, log, tenant_id, erasure_id, tools, desk } = await withTelemetry(7);
    expect(await desk.count(tenant_id, 'user_id', ADA)).toEqual({ chunks: 7, events: 7 });
    expect((await react(log, tools)).every(({ outcome }) => outcome === 'done')).toBe(true);
    expect(await desk.find(tenant_id, erasure_id)).toMatchObject({
      ...{ status: 'completed', chunks: 7, events: 7, rewritten: false },
    });
    const visible = new VisibleLog(log, bench.quarantines);
    const persons = await personsIn(visible, tenant_id);
    expect(persons).toHaveLength(14);
    expect(persons).not.toContain(ADA);
    expect(await desk.count(tenant_id, 'user_id', ADA)).toEqual({ chunks: 0, events: 0 });
    const cut = log.events.find(({ type }) => type === 'TelemetryCut')?.data as JsonObject;
    // Nothing was taken out of files: there is nothing to vouch for.
    expect(cut['statement']).toBeUndefined();
  });
});

describe('erasing where people have pseudonyms', () => {
  /** Takes down what was destroyed, and how far the erasure was then. */
  const destroying = async (chunks: number, pseudonyms?: true) => {
    const world = await withTelemetry(chunks, pseudonyms);
    const destroyed: unknown[] = [];
    const { desk, tenant_id, erasure_id } = world;
    const destroy = async (subject_hash: string): Promise<void> => {
      destroyed.push([subject_hash, (await desk.find(tenant_id, erasure_id))?.status]);
    };
    const ofAda = world.bench.services.pseudonym('user_id', `${tenant_id}:${ADA}`);
    return { ...world, destroyed, ofAda, tools: { ...world.tools, pseudonyms: { destroy } } };
  };

  it('destroys what tells whose they are once all is found, and says so when it is done', async () => {
    const { log, tools, desk, tenant_id, erasure_id, destroyed, ofAda } = await destroying(4, true);
    await react(log, tools);
    expect(destroyed).toEqual([[ofAda, 'found']]);
    const erasure = await desk.find(tenant_id, erasure_id);
    expect(erasure).toMatchObject({ status: 'completed', events: 4, rewritten: false, unlinked: true });
    expect(erasure).not.toHaveProperty('named_in');
    await react(log, tools);
    expect(destroyed).toHaveLength(1);
  });

  it('says how many chunks of an earlier release name the person', async () => {
    const { log, tools, desk, tenant_id, erasure_id, destroyed } = await destroying(3);
    await react(log, tools);
    expect(destroyed).toHaveLength(1);
    const erasure = await desk.find(tenant_id, erasure_id);
    expect(erasure).toMatchObject({ status: 'completed', unlinked: false, named_in: 3 });
  });

  it('is not completed where nothing could be destroyed, nor under the guard', async () => {
    const { log, tools, desk, tenant_id, erasure_id, destroyed, guard } = await destroying(2, true);
    const failing = { destroy: () => Promise.reject(new Error('away')) };
    await expect(react(log, { ...tools, pseudonyms: failing })).rejects.toThrow('away');
    expect(await desk.find(tenant_id, erasure_id)).toMatchObject({ status: 'found' });
    guard(true);
    expect(await react(log, tools)).toContainEqual(expect.objectContaining({ outcome: 'guarded' }));
    expect(destroyed).toEqual([]);
    guard(false);
    await react(log, tools);
    expect(await desk.find(tenant_id, erasure_id)).toMatchObject({ status: 'completed', unlinked: true });
  });
});

describe('erasing that is interrupted', () => {
  it('goes on where it was, whichever record it got to, and cuts nothing twice', async () => {
    let interrupted = 0;
    for (let allowed = 0; interrupted === allowed; allowed += 1) {
      const { bench, log, tenant_id, erasure_id, tools, desk } = await withTelemetry(4);
      let left = allowed;
      const dead = new Error('the process has died');
      log.before = () => ((left -= 1) < 0 ? Promise.reject(dead) : Promise.resolve(undefined));
      const before = log.events.length;
      await react(log, tools).catch((error: unknown) => {
        expect(error).toBe(dead);
      });
      if (left < 0) interrupted += 1;
      log.before = () => Promise.resolve(undefined);
      // Again from the log's beginning: the state is lost, too.
      await react(log, { ...tools, pipeline: bench.pipeline });
      expect(await desk.find(tenant_id, erasure_id)).toMatchObject({
        status: 'completed',
        chunks: 4,
        events: 4,
      });
      expect(log.events.slice(before).map(({ type }) => type)).toEqual([
        ...['QuarantineProposed', 'QuarantineApproved', 'TelemetryCut'],
        ...['TelemetryErasureFound', 'TelemetryErasureCompleted'],
      ]);
    }
    expect(interrupted).toBe(5);
  });

  it('does not even look while a deployment is under way', async () => {
    const { log, tenant_id, erasure_id, tools, desk, guard } = await withTelemetry(3);
    guard(true);
    const looked: string[] = [];
    const spied: ErasingTools = {
      ...tools,
      log: {
        readStream: (...args) => log.readStream(...args),
        readAll: (after, filter) => {
          looked.push('all');
          return log.readAll(after, filter);
        },
      },
    };
    const length = log.events.length;
    expect(await react(log, spied)).toMatchObject([{ outcome: 'guarded' }]);
    expect(looked).toEqual([]);
    expect(log.events).toHaveLength(length);
    guard(false);
    await react(log, spied);
    expect(await desk.find(tenant_id, erasure_id)).toMatchObject({ status: 'completed' });
  });

  it('is nobody’s to cut but the process’s', async () => {
    const { bench, tenant_id, erasure_id, principal } = await withTelemetry(1);
    const chunk = {
      stream: 's',
      revision: 0,
      position: '0'.repeat(16),
      indexes: [[0, 0] as [number, number]],
      events: 1,
    };
    const input = {
      ...{ erasure_id, quarantine_id: `qua_${'0'.repeat(32)}`, chunks: [chunk], events: 1, cut_at: 'now' },
    };
    expect(await bench.pipeline.execute(cutTelemetry, input, requestOf(principal))).toMatchObject({
      ok: false,
      refusal: { kind: 'forbidden' },
    });
    expect((await erasuresOf(bench.log, tenant_id)).cut.size).toBe(0);
  });
});
