import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantId } from '../../src/domain/ids.js';
import { nextDay, statementOf, TELEMETRY_RETIRED } from '../../src/domain/retention/retention.js';
import { holdsRevision, joinRanges, rangesOf } from '../../src/domain/revision-ranges.js';
import type { RecordedEvent, Revision, StreamName } from '../../src/eventstore/event-store.js';
import { toPosition } from '../../src/eventstore/event-store.js';
import { projections as everyProjection } from '../../src/projections/all.js';
import { chunkIndex } from '../../src/projections/chunk-index/projection.js';
import { metrics } from '../../src/projections/metrics/projection.js';
import { recentEvents } from '../../src/projections/recent-events/projection.js';
import { usage } from '../../src/projections/usage/projection.js';
import { MemoryEventLog } from '../support/memory-event-log.js';
import { MemoryReadStore } from '../support/memory-read-store.js';
import { caughtUp, documentsOf, hostOver } from '../support/projected.js';
import { chunkOf } from '../support/telemetry.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 0, 10);
const projections = [chunkIndex, metrics, recentEvents, usage];

/** What happens in turn: a chunk of events at these times, in hours, or all that is from before a day is retired. */
type Step =
  | { readonly tenant: TenantId; readonly hours: readonly number[] }
  | { readonly tenant: TenantId; readonly before: number };

const tenant = fc.constantFrom('ten_a', 'ten_b') as fc.Arbitrary<TenantId>;
/** Of an hour, of some days, or of the whole time; of several chunks together more than the tail keeps. */
const hours = fc
  .tuple(
    fc.integer({ min: 0, max: 119 }),
    fc.constantFrom(0, 30, 120),
    fc.array(fc.nat(), { minLength: 1, maxLength: 90, size: 'max' }),
  )
  .map(([from, span, offsets]) => offsets.map((offset) => Math.min(119, from + (offset % (span + 1)))));
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        tenant,
        hours,
      }),
    },
    { weight: 1, arbitrary: fc.record({ tenant, before: fc.integer({ min: 1, max: 6 }) }) },
  ),
  { minLength: 4, maxLength: 30, size: 'max' },
);

interface Chunk {
  readonly tenant: TenantId;
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly count: number;
  readonly min_time: number;
  readonly max_time: number;
  readonly recorded_at: string;
}

/** The log that these steps make, as the process manager would write it. */
const perform = (script: readonly Step[]): readonly RecordedEvent[] => {
  const events: RecordedEvent[] = [];
  const revisions = new Map<string, number>();
  let kept: Chunk[] = [];
  const record = (event: RecordedEvent, owner: TenantId, stream: string): RecordedEvent => {
    const revision = revisions.get(stream) ?? 0;
    revisions.set(stream, revision + 1);
    const placed: RecordedEvent = {
      ...event,
      metadata: { ...event.metadata, tenant_id: owner },
      stream: stream as StreamName,
      revision: revision as Revision,
      position: toPosition(events.length + 1),
    };
    events.push(placed);
    return placed;
  };
  for (const step of script) {
    const number = events.length + 1;
    if ('hours' in step) {
      const times = step.hours.map((hour) => START_MS + hour * HOUR_MS);
      const sent = times.map((timestamp, i) => ({
        ...{ type: 'api_call', service: 'shop', path: `/o/${i % 3}`, status_code: 200, duration_ms: i },
        timestamp,
      }));
      const stream = `telemetry-${step.tenant}`;
      const received_at = START_MS + 6 * number * HOUR_MS;
      const chunk = record(chunkOf(sent, { number, received_at }), step.tenant, stream);
      const { revision, position } = chunk;
      const { recorded_at } = chunk.metadata;
      const [min_time, max_time] = [Math.min(...times), Math.max(...times)];
      kept.push({
        ...{ tenant: step.tenant, stream, revision, position, recorded_at },
        ...{ count: times.length, min_time, max_time },
      });
      continue;
    }
    const before = START_MS + step.before * DAY_MS;
    const isOld = (chunk: Chunk): boolean => chunk.tenant === step.tenant && chunk.max_time < before;
    const old = kept.filter(isOld);
    kept = kept.filter((chunk) => !isOld(chunk));
    for (const end of [...new Set(old.map(({ max_time }) => nextDay(max_time)))].sort((a, b) => a - b)) {
      const chunks = old.filter(({ max_time }) => nextDay(max_time) === end);
      const data = {
        ...{ days: 1, before: new Date(end).toISOString(), records: rangesOf(chunks) },
        ...statementOf(chunks),
      };
      const { id, metadata } = chunkOf([], { number: events.length + 1 });
      const event = { id, type: TELEMETRY_RETIRED, schema_version: 1, data, metadata };
      record(event as unknown as RecordedEvent, step.tenant, `retention-${step.tenant}`);
    }
  }
  return events;
};

const retiredIn = (events: readonly RecordedEvent[]) =>
  joinRanges(
    events
      .filter(({ type }) => type === TELEMETRY_RETIRED)
      .map(({ data }) => (data as unknown as { records: ReturnType<typeof rangesOf> }).records),
  );

const logOf = (events: readonly RecordedEvent[], batch: () => number): MemoryEventLog => {
  const log = new MemoryEventLog(batch);
  log.events.push(...events);
  return log;
};

interface How {
  readonly batch: number;
  readonly cached: number;
  readonly window: number;
  /** The process is killed after so many writes, once for each number. */
  readonly kills: readonly number[];
}

/** The documents of all read models that are made of a log. */
const fold = async (events: readonly RecordedEvent[], how: How) => {
  const log = logOf(events, () => how.batch);
  const options = {
    cache: { documents: how.cached, bytes: 1e9 },
    window: { events: how.window, milliseconds: 1e6 },
  };
  let store = new MemoryReadStore();
  for (const after of how.kills) {
    let left = after;
    let hit: () => void = () => undefined;
    const dead = new Promise<void>((resolve) => (hit = resolve));
    store = store.withRules(() => {
      if (left > 0) left -= 1;
      else {
        hit();
        throw new Error('killed');
      }
    });
    const host = await hostOver(log, store, projections, options);
    await Promise.race([dead, caughtUp(host, log, projections)]);
    await host.stop();
  }
  store = store.withRules(() => undefined);
  const host = await hostOver(log, store, projections, options);
  await caughtUp(host, log, projections);
  await host.stop();
  const documents: Record<string, Record<string, string>> = {};
  for (const { name, version } of projections) {
    documents[name] = await documentsOf(store, `${name}-v${version}-g1`);
  }
  return documents;
};

const how: fc.Arbitrary<How> = fc.record({
  batch: fc.integer({ min: 1, max: 12 }),
  cached: fc.integer({ min: 1, max: 200 }),
  window: fc.integer({ min: 1, max: 300 }),
  kills: fc.array(fc.integer({ min: 6, max: 60 }), { maxLength: 2 }),
});
const calm: How = { batch: 100, cached: 10_000, window: 10_000, kills: [] };

describe('read models of telemetry that is retired', () => {
  it('are the same whether its content is still in the log, partly there or gone, and wherever the process dies', async () => {
    let retired = 0;
    await fc.assert(
      fc.asyncProperty(steps, how, fc.func(fc.boolean()), async (script, killed, isGone) => {
        const events = perform(script);
        const ranges = retiredIn(events);
        const isRetired = ({ stream, revision }: RecordedEvent): boolean =>
          holdsRevision(ranges, stream, revision);
        retired += events.filter(isRetired).length;
        const whole = await fold(events, calm);
        const gone = events.filter((event) => !isRetired(event));
        const partly = events.filter((event) => !isRetired(event) || !isGone(event.position));
        expect(await fold(gone, calm)).toEqual(whole);
        expect(await fold(partly, killed)).toEqual(whole);
        expect(await fold(events, killed)).toEqual(whole);
        const indexed = Object.values(whole['chunk-index'] ?? {}).map(
          (text) => JSON.parse(text) as { stream: string; revision: number },
        );
        expect(indexed.filter(({ stream, revision }) => holdsRevision(ranges, stream, revision))).toEqual([]);
        const left = gone.filter(({ type }) => type !== TELEMETRY_RETIRED).length;
        expect(indexed).toHaveLength(left);
      }),
      { seed: 11, numRuns: 25 },
    );
    expect(retired).toBeGreaterThan(50);
  });

  it('follow its retirement, each that reads telemetry at all', () => {
    for (const { name, reads } of everyProjection)
      if (reads.includes('TelemetryRecorded'))
        expect({ name, reads }).toEqual({
          name,
          reads: expect.arrayContaining([TELEMETRY_RETIRED]) as unknown,
        });
  });
});
