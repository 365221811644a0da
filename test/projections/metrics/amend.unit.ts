import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RouteBook } from '../../../src/domain/telemetry/routes/book.js';
import type { RecordedEvent } from '../../../src/eventstore/event-store.js';
import { metrics } from '../../../src/projections/metrics/projection.js';
import { MAX_SERIES, type BucketPart, type MetricsBucket } from '../../../src/projections/metrics/amend.js';
import { saidBy } from '../../../src/replay/canonical.js';
import { chunkOf, foldAll, NOW } from '../../support/telemetry.js';

const event = fc.record(
  {
    type: fc.constantFrom('api_call', 'error'),
    timestamp: fc.integer({ min: 0, max: 200 }).map((minute) => NOW + minute * 60_000),
    route: fc.constantFrom('/x', '/y', '/z'),
    status_code: fc.constantFrom(200, 201, 404, 500),
    // Few different ones: extremes are met twice, and shared.
    duration_ms: fc.constantFrom(0, 1.5, 1.5001, 80, 5000),
    weight: fc.constantFrom(1, 3, 300, 0.5),
  },
  { requiredKeys: ['type', 'timestamp'] },
);
const chunks = fc.array(fc.array(event, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 });

type Buckets = Map<string, MetricsBucket>;

const partsOf = (events: readonly RecordedEvent[]): Map<string, BucketPart[]> => {
  const parts = new Map<string, BucketPart[]>();
  for (const one of events)
    for (const { id, part } of metrics.parts(one, RouteBook.EMPTY))
      parts.set(id, [...(parts.get(id) ?? []), part]);
  return parts;
};

/** The buckets after a change, coarser ones after those that they may ask for; how many could not be told. */
const amended = (
  buckets: Buckets,
  {
    leaves,
    returns,
  }: { readonly leaves: readonly RecordedEvent[]; readonly returns: readonly RecordedEvent[] },
  right: Buckets,
): { readonly after: Buckets; readonly anew: readonly string[] } => {
  const after = new Map(buckets);
  const anew: string[] = [];
  const [gone, back] = [partsOf(leaves), partsOf(returns)];
  const ids = [...new Set([...gone.keys(), ...back.keys()])];
  for (const resolution of ['1m', '1h', '1d'])
    for (const id of ids.filter((one) => one.startsWith(resolution))) {
      const change = { leaves: gone.get(id) ?? [], returns: back.get(id) ?? [] };
      const at = { id, position: leaves.at(-1)?.position ?? returns.at(-1)!.position };
      let result = metrics.amend!(after.get(id), change, at);
      if (result !== 'anew' && 'knowing' in result)
        result = metrics.amend!(
          after.get(id),
          change,
          at,
          result.knowing.flatMap((one) => after.get(one) ?? []),
        );
      if (result === 'anew') anew.push(id);
      const document = result === 'anew' || !('document' in result) ? right.get(id) : result.document;
      if (document) after.set(id, document);
      else after.delete(id);
    }
  return { after, anew };
};

const said = (buckets: Buckets): Record<string, unknown> =>
  Object.fromEntries(
    [...buckets]
      .map(([id, bucket]) => [id, saidBy(metrics, bucket)] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );

describe('metrics of which events are taken out', () => {
  it('say what they would have said without them, and with them again', () => {
    let asked = 0;
    let told = 0;
    fc.assert(
      fc.property(chunks, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), (parts, out) => {
        const events = parts.map((one, i) => chunkOf(one, { number: i + 1 }));
        const leaves = events.filter((_, i) => out[i]);
        if (leaves.length === 0) return;
        const [all, rest] = [
          foldAll(metrics, events),
          foldAll(
            metrics,
            events.filter((_, i) => !out[i]),
          ),
        ];
        const without = amended(all, { leaves, returns: [] }, rest);
        expect(said(without.after)).toEqual(said(rest));
        asked += without.anew.length;
        told += without.after.size;
        const again = amended(without.after, { leaves: [], returns: leaves }, foldAll(metrics, events));
        expect(again.anew).toEqual([]);
        expect(said(again.after)).toEqual(said(foldAll(metrics, events)));
      }),
      { seed: 5, numRuns: 150 },
    );
    expect(asked).toBeGreaterThan(0);
    expect(told).toBeGreaterThan(asked);
  });

  it('ask for finer ones where an extreme leaves, and a minute for its events', () => {
    const events = [1, 5, 9].map((duration_ms, i) =>
      chunkOf([{ type: 'api_call', timestamp: NOW + i * 60_000, duration_ms }], { number: i + 1 }),
    );
    const buckets = foldAll(metrics, events);
    const hour = [...buckets.values()].find(({ resolution }) => resolution === '1h')!;
    const part = partsOf([events[2]!]).get(hour.id)!;
    const result = metrics.amend!(hour, { leaves: part, returns: [] }, hour);
    expect(result).toMatchObject({ knowing: expect.any(Array) as unknown });
    expect((result as { knowing: string[] }).knowing).toHaveLength(60);
    const minute = [...buckets.values()].find(
      ({ resolution, time }) => resolution === '1m' && time > hour.time,
    )!;
    const its = partsOf(events).get(minute.id)!;
    expect(metrics.amend!(minute, { leaves: [], returns: its }, minute)).toMatchObject({ document: {} });
  });

  it('are left to be folded anew where series were counted as one', () => {
    const many = Array.from({ length: MAX_SERIES + 1 }, (_, n) => ({ type: 'api_call', route: `/r${n}` }));
    const more = chunkOf([{ type: 'api_call', route: '/last' }], { number: 2 });
    for (const [id, bucket] of foldAll(metrics, [chunkOf(many), more]))
      expect(metrics.amend!(bucket, { leaves: partsOf([more]).get(id)!, returns: [] }, bucket)).toBe('anew');
  });
});
