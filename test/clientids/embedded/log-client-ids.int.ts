import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CLIENT_ID_WINDOW_MS } from '../../../src/clientids/client-ids.js';
import { LogClientIds } from '../../../src/clientids/embedded/log-client-ids.js';
import { MAX_CHUNK_EVENTS } from '../../../src/domain/telemetry/stored-chunk.js';
import { clientIdsOf } from '../../../src/domain/telemetry/client-ids.js';
import type { TenantId } from '../../../src/domain/ids.js';
import {
  EventStoreUnavailable,
  type EventBatch,
  type EventFilter,
  type Position,
} from '../../../src/eventstore/event-store.js';
import type { Clock } from '../../../src/platform/clock.js';
import { hasErrorCode } from '../../../src/platform/files.js';
import { systemRandom } from '../../../src/platform/random.js';
import { removeDirectory, temporaryDirectory } from '../../support/embedded-log.js';
import { MemoryClientIds } from '../../support/memory-client-ids.js';
import { until } from '../../support/until.js';
import { ingestBench, NOW, request, tenant, TestClock, TestLog } from '../../support/telemetry.js';

let directory = '';
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => removeDirectory(directory));

/** A clock on which nobody wakes up by time: the index writes where it is full, and when it is closed. */
const sleepless = (clock: TestClock): Clock => ({
  now: clock.now,
  monotonic: clock.monotonic,
  sleep: (_, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) resolve();
      else signal?.addEventListener('abort', () => resolve(), { once: true });
    }),
});

/** A log that can be followed. */
class FollowedLog extends TestLog {
  readonly #seen = new Map<object, Position>();

  override subscribe = ((after: Position, _filter: EventFilter, signal: AbortSignal) =>
    this.#follow(after, signal)) as never;

  /** Resolves when everybody who follows has taken in all there is. */
  async followed(): Promise<void> {
    const head = await this.head();
    await until(() => [...this.#seen.values()].every((position) => position >= head));
  }

  async *#follow(after: Position, signal: AbortSignal): AsyncGenerator<EventBatch> {
    for (let seen = after; !signal.aborted;) {
      this.#seen.set(signal, seen);
      for await (const batch of this.readAll(seen)) {
        yield batch;
        seen = batch.position;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A process on a log: killed, it leaves its directory as it is at that moment. */
class Process {
  private constructor(
    readonly index: LogClientIds,
    readonly bench: ReturnType<typeof ingestBench>,
    private readonly at: string,
  ) {}

  static async start(at: string, log: TestLog, clock: TestClock): Promise<Process> {
    const options = { directory: at, log, clock: sleepless(clock), random: systemRandom, shared: false };
    const index = new LogClientIds({ ...options, recent: 6 });
    await index.start();
    const limits = { chunk: { bytes: 900_000, events: 3 } };
    return new Process(index, ingestBench(limits, { log, clock, clientIds: index }), at);
  }

  async restart(): Promise<Process> {
    await this.index.close();
    return Process.start(this.at, this.bench.log, this.bench.clock);
  }

  async kill(next: string): Promise<Process> {
    // What goes while it is copied was replaced: without it the copy is as old as what is in it.
    await mkdir(next);
    for (const name of (await readdir(this.at)).sort())
      await copyFile(join(this.at, name), join(next, name)).catch((error: unknown) => {
        if (!hasErrorCode(error, 'ENOENT')) throw error;
      });
    const { log, clock } = this.bench;
    const after = await Process.start(next, log, clock);
    await this.index.close();
    return after;
  }
}

const tenants = [tenant, 'ten_other' as TenantId] as const;
const as = (which: number) => {
  const { principal } = request();
  return request({ principal: { ...principal, tenant_id: tenants[which] ?? tenant } });
};

const id = fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined, freq: 4 });
const batch = fc.record({ who: fc.nat(1), ids: fc.array(id, { minLength: 1, maxLength: 9 }) });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      batches: fc.array(batch, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('fail' as const),
      batches: fc.array(batch, { minLength: 1, maxLength: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'kill' as const) }) },
);

/** When each tenant's ids were recorded, by the log. */
const recorded = (log: TestLog): Map<string, number[]> => {
  const times = new Map<string, number[]>();
  for (const event of log.events)
    for (const { id } of clientIdsOf(event)) {
      const name = `${event.metadata.tenant_id ?? ''} ${id}`;
      times.set(name, [...(times.get(name) ?? []), Date.parse(event.metadata.recorded_at)]);
    }
  return times;
};

const body = (ids: readonly (number | undefined)[]): Buffer =>
  Buffer.from(
    JSON.stringify(ids.map((one) => ({ type: 'a', ...(one !== undefined && { id: String(one) }) }))),
  );

describe('client ids over restarts, crashes, failures and time', () => {
  it('store each id once in 24 hours, and refuse none that is not stored', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const log = new TestLog();
        const clock = new TestClock();
        runs += 1;
        let lives = 0;
        let process = await Process.start(join(directory, `${runs}-0`), log, clock);
        try {
          for (const action of steps) {
            if (action.kind === 'wait') clock.time += action.hours * 3_600_000;
            else if (action.kind === 'restart') process = await process.restart();
            else if (action.kind === 'kill')
              process = await process.kill(join(directory, `${runs}-${(lives += 1)}`));
            else if ('batches' in action) {
              const before = recorded(log);
              const failing = action.kind === 'fail';
              let attempts = 0;
              log.before = () =>
                failing && (attempts += 1) % 2 === 1
                  ? Promise.reject(new EventStoreUnavailable('disk_full', 'full'))
                  : Promise.resolve(undefined);
              const results = await Promise.all(
                action.batches.map(({ who, ids }) => process.bench.ingest.batch(body(ids), 'json', as(who))),
              );
              const after = recorded(log);
              for (const [name, times] of after) {
                const known = before.get(name) ?? [];
                const last = known.at(-1) ?? -Infinity;
                const due = last > clock.time - CLIENT_ID_WINDOW_MS ? 0 : 1;
                expect(times.length - known.length).toBeLessThanOrEqual(due);
              }
              for (const [n, { who, ids }] of action.batches.entries()) {
                const result = results[n];
                if (!failing) expect(result).toMatchObject({ ok: true, value: { rejected: 0 } });
                if (!result?.ok || result.value.rejected > 0) continue;
                // Everything that was acknowledged is in the log, recorded within the window.
                for (const one of ids.filter((given) => given !== undefined))
                  expect(after.get(`${tenants[who] ?? ''} ${one}`)?.at(-1)).toBeGreaterThan(
                    clock.time - CLIENT_ID_WINDOW_MS,
                  );
                expect(result.value.accepted + result.value.duplicates).toBe(ids.length);
              }
            }
          }
        } finally {
          await process.index.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('agree with a plain map', async () => {
    let runs = 0;
    const request = fc.array(fc.option(fc.nat(15), { nil: undefined }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(request, fc.nat(20)), { maxLength: 30 }), async (requests) => {
        const log = new TestLog();
        const clock = new TestClock();
        runs += 1;
        const { index } = await Process.start(join(directory, `map-${runs}`), log, clock);
        const model = new MemoryClientIds(log, clock);
        for (const [n, [ids, hours]] of requests.entries()) {
          clock.time += hours * 3_600_000;
          const texts = ids.map((one) => one?.toString());
          const middle = Math.floor(ids.length / 2);
          const spans = [
            { from: 0, to: middle },
            { from: middle, to: ids.length },
          ];
          const claims = [await index.claim(tenant, texts, spans), await model.claim(tenant, texts, spans)];
          for (const claim of claims) {
            claim.settle(0, {
              outcome: 'stored',
              chunk: `0190b3c5-d1f8-7c0e-8a4f-${n.toString(16).padStart(7, '0')}00000` as never,
              index: n % MAX_CHUNK_EVENTS,
              recorded_at: clock.time,
            });
            claim.settle(1, { outcome: n % 3 === 0 ? 'failed' : 'stored_before' });
          }
          const [real, plain] = claims.map((claim) => ({
            repeats: claim.repeats,
            firsts: ids.map((_, place) => (claim.repeats?.[place] === 1 ? claim.first(place) : undefined)),
          }));
          expect(real).toEqual(plain);
        }
        await index.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe('an id that is under way', () => {
  it('is waited for, and stored by the second request where the first one failed', async () => {
    const log = new TestLog();
    const clock = new TestClock();
    const { index, bench } = await Process.start(directory, log, clock);
    let fail = (): void => undefined;
    log.before = (attempt) =>
      attempt > 1
        ? Promise.resolve(undefined)
        : new Promise((_, reject) => {
            fail = () => reject(new EventStoreUnavailable('disk_full', 'full'));
          });
    const first = bench.ingest.batch(body([1]), 'json', request());
    const second = bench.ingest.batch(body([1, 2]), 'json', request());
    const third = bench.ingest.batch(body([2]), 'json', request());
    await new Promise((resolve) => setImmediate(resolve));
    fail();
    expect(await first).toMatchObject({ ok: false, refusal: { code: 'disk_full' } });
    expect(await third).toMatchObject({ ok: true, value: { accepted: 1 } });
    expect(await second).toMatchObject({ ok: true, value: { accepted: 1, duplicates: 1 } });
    await index.close();
  });

  it('is a repetition where the log holds it although its answer was lost, or another process stored it', async () => {
    const log = new FollowedLog();
    const clock = new TestClock();
    const options = { log, clock: sleepless(clock), random: systemRandom, shared: true };
    const [one, other] = ['one', 'other'].map((name) => {
      const index = new LogClientIds({ ...options, directory: join(directory, name) });
      return { index, ...ingestBench({ shard: name }, { log, clock, clientIds: index }) };
    });
    if (!one || !other) throw new Error('There are two processes.');
    await Promise.all([one.index.start(), other.index.start()]);
    log.after = () => {
      throw new EventStoreUnavailable('disk_full', 'the answer is lost');
    };
    expect(await one.ingest.batch(body([1]), 'json', request())).toMatchObject({ ok: false });
    log.after = () => undefined;
    expect(await one.ingest.batch(body([2]), 'json', request())).toMatchObject({ value: { accepted: 1 } });
    await log.followed();
    for (const { ingest } of [one, other])
      expect(await ingest.batch(body([1, 2]), 'json', request())).toMatchObject({ value: { duplicates: 2 } });
    await Promise.all([one.index.close(), other.index.close()]);
  });

  it('has the age of its record: a day later to the millisecond it is new', async () => {
    const log = new TestLog();
    const clock = new TestClock();
    let process = await Process.start(directory, log, clock);
    const send = async () => process.bench.ingest.batch(body([1]), 'json', request());
    await send();
    clock.time = NOW + CLIENT_ID_WINDOW_MS - 1;
    expect(await send()).toMatchObject({ value: { duplicates: 1 } });
    process = await process.restart();
    expect(await send()).toMatchObject({ value: { duplicates: 1 } });
    clock.time += 1;
    expect(await send()).toMatchObject({ value: { accepted: 1 } });
    await process.index.close();
  });

  it('that the runs know of a log that was put back is forgotten', async () => {
    const log = new TestLog();
    const clock = new TestClock();
    const process = await Process.start(directory, log, clock);
    for (const one of [1, 2, 3]) await process.bench.ingest.batch(body([one]), 'json', request());
    await process.index.close();
    log.events.splice(1);
    const after = await Process.start(directory, log, clock);
    expect(await after.bench.ingest.batch(body([1, 2, 3]), 'json', request())).toMatchObject({
      value: { accepted: 2, duplicates: 1 },
    });
    await after.index.close();
  });
});
