import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { gatherTexts } from '../../../../src/domain/telemetry/column-codec/gather.js';
import { isFiltered, mayMean } from '../../../../src/domain/telemetry/query/skip.js';
import { parseQuery } from '../../../../src/domain/telemetry/query/parse.js';
import type { Query } from '../../../../src/domain/telemetry/query/query.js';
import { TextFilterBuilder, type TextFilter } from '../../../../src/domain/telemetry/query/text-filter.js';
import type { RecordedEvent } from '../../../../src/eventstore/event-store.js';
import { escaped, events, meets, queries } from '../../../support/queries.js';
import { seededRandom } from '../../../support/faulty-files.js';
import { chunkOf, NOW, sealedOf } from '../../../support/telemetry.js';

const filterOf = ({ lines }: RecordedEvent): TextFilter => {
  const builder = new TextFilterBuilder();
  if (!lines) throw new Error('It is not in columns.');
  gatherTexts(lines.encoded, builder);
  return builder.filter();
};

const queryOf = (text: string): Query => {
  const parsed = parseQuery(text);
  if (!parsed.ok) throw new Error(`${text} cannot be read.`);
  return parsed.query;
};

describe('the filter of the texts of a block', () => {
  it('skips nothing that a query means, and much that none of its events is', () => {
    let skipped = 0;
    fc.assert(
      fc.property(
        fc.array(events, { minLength: 1, maxLength: 12 }),
        queries,
        fc.nat({ max: 6 }),
        (samples, query, every) => {
          const lines = samples.map((sample) => escaped(sample, every));
          const filter = filterOf(sealedOf({ ...chunkOf(samples), data: Buffer.from(lines.join('\n')) }));
          if (mayMean(query, filter)) return;
          expect(samples.filter((sample) => meets(sample, query))).toEqual([]);
          skipped += 1;
        },
      ),
      { seed: 5, numRuns: 2_000 },
    );
    expect(skipped).toBeGreaterThan(100);
  });

  it.each([
    ['"timed out"', true],
    ['"TIMED OUT" service:checkout', true],
    ['user_id:u-17 OR quokka', true],
    ['deadbeef', true],
    ['"12:34"', true],
    ['-quokka', true],
    ['attr.items:12 status:>300', true],
    ['route:/quokkas/{id}', true],
    ['no', true],
    ['quokka', false],
    ['"timed out" quokka', false],
    ['quokka OR wombat', false],
    ['consumer:quokka', false],
    ['"checkout/quokka"', false],
  ])('lets %s through: %s', (text, passes) => {
    const samples = Array.from({ length: 200 }, (_, n) => ({
      ...{
        type: 'api_call',
        service: 'checkout',
        user_id: `u-${n}`,
        message: `Upstream timed out after ${n} ms`,
      },
      ...{ timestamp: new Date(1_700_000_000_000 + n * 977).toISOString() },
      trace_id: n.toString(16).padStart(32, 'f1e2d3c4b5a69788'),
    }));
    const filter = filterOf(sealedOf(chunkOf(samples)));
    expect(mayMean(queryOf(text), filter)).toBe(passes);
  });

  it.each([
    ['each event has its own', 1],
    ['events share them', 5],
  ])('lets every id through that an event has, and few that none has, where %s', (_, shared) => {
    const random = seededRandom(9);
    const digits = (length: number): string =>
      Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
    const uuid = (): string => [8, 4, 4, 4, 12].map(digits).join('-');
    const ids = Array.from({ length: 400 / shared }, () => ({
      trace_id: digits(32),
      user_id: uuid(),
      attributes: { order: digits(16).toUpperCase() },
    }));
    const samples = Array.from({ length: 400 }, (_, n) => ({
      ...{ type: 'api_call', service: 'checkout', timestamp: NOW + n, response_bytes: n * 7 },
      ...ids[n % ids.length],
    }));
    const filter = filterOf(sealedOf(chunkOf(samples)));
    const passes = (field: string, id: string): boolean => mayMean(queryOf(`${field}:${id}`), filter);
    for (const { trace_id, user_id, attributes } of ids)
      expect([
        ...[passes('trace_id', trace_id), passes('user_id', user_id), passes('attr.order', attributes.order)],
        // Parts of ids tell nothing.
        ...[passes('trace_id', `${trace_id.slice(0, 20)}*`), mayMean(queryOf(trace_id.slice(3, 30)), filter)],
      ]).toEqual([true, true, true, true, true]);
    const strangers = Array.from({ length: 1_000 }, () => [
      passes('trace_id', digits(32)),
      passes('user_id', uuid()),
    ]);
    expect(strangers.flat().filter(Boolean).length).toBeLessThan(100);
  });

  it('is of no use to a query that asks for no text', () => {
    expect(isFiltered(queryOf('status:>=500 -quokka route:/a/long/route'))).toBe(false);
    expect(isFiltered(queryOf('status:>=500 quokka'))).toBe(true);
  });
});
