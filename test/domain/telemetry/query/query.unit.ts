import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunkOfLines, decodeChunk as decode } from '../../../../src/domain/telemetry/chunk.js';
import { pickLines } from '../../../../src/domain/telemetry/stored-chunk.js';
import { RouteBook } from '../../../../src/domain/telemetry/routes/book.js';
import { bindQuery } from '../../../../src/domain/telemetry/query/match.js';
import {
  MAX_QUERY_CONDITIONS,
  MAX_QUERY_DEPTH,
  MAX_QUERY_LENGTH,
  parseQuery,
} from '../../../../src/domain/telemetry/query/parse.js';
import { mayHold } from '../../../../src/domain/telemetry/query/prune.js';
import { printQuery, type Query } from '../../../../src/domain/telemetry/query/query.js';
import { NeedleScanner, needlesOf } from '../../../../src/domain/telemetry/query/scan.js';
import { START } from '../../../../src/eventstore/event-store.js';
import { chunkIndex } from '../../../../src/projections/chunk-index/projection.js';
import { NO_ROUTES } from '../../../../src/projections/routes/query.js';
import { listedNow } from '../../../../src/projections/search/listed.js';
import { escaped, events, meets, queries, type Sample } from '../../../support/queries.js';
import { learnFrom, sitePath } from '../../../support/routes.js';
import { decodeChunk, chunkOf, foldAll, NOW } from '../../../support/telemetry.js';

const is = (field: 'service' | 'route', text: string, prefix = false): Query => ({
  kind: 'is',
  field,
  text,
  prefix,
});

describe('the query language', () => {
  it('reads fields, comparisons, quotes, words and negations, all of which must hold', () =>
    expect(
      parseQuery('service:checkout status:>=500 duration_ms:>250 "timed out" slow* -route:/health*'),
    ).toEqual({
      ok: true,
      query: {
        kind: 'and',
        of: [
          is('service', 'checkout'),
          { kind: 'compare', field: 'status', operator: '>=', value: 500 },
          { kind: 'compare', field: 'duration', operator: '>', value: 250 },
          { kind: 'mentions', text: 'timed out' },
          { kind: 'mentions', text: 'slow' },
          { kind: 'not', of: is('route', '/health', true) },
        ],
      },
    }));

  it('binds words that follow each other more tightly than OR', () =>
    expect(parseQuery('a b OR (c OR d) e')).toEqual(parseQuery('(a AND b) OR ((c OR d) AND e)')));

  it('reads every query that it prints', () => {
    fc.assert(
      fc.property(queries, (query) => expect(parseQuery(printQuery(query))).toEqual({ ok: true, query })),
      { seed: 1, numRuns: 2000 },
    );
  });

  it('answers any text with a query or the place of the mistake', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(
          '(',
          ')',
          '-',
          '"',
          ' ',
          'OR',
          'AND',
          'status:',
          'attr.x:',
          '..',
          '>',
          '5',
          '*',
          '\\',
        ),
        fc.string({ maxLength: 3 }),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        const parsed = parseQuery(text);
        if (parsed.ok) expect(parseQuery(printQuery(parsed.query))).toEqual(parsed);
        else {
          expect(parsed.offset).toBeGreaterThanOrEqual(0);
          expect(parsed.offset).toBeLessThanOrEqual(text.length);
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it.each([
    ['', 0, 'a condition'],
    ['a OR', 4, 'a condition'],
    ['(a', 2, ')'],
    ['a)', 1, 'the end'],
    ['status:>x', 8, 'a number'],
    ['status:600..500', 7, 'the smaller end'],
    ['status_class:abc', 13, 'such as 5xx'],
    ['service:>5', 8, 'service is no number'],
    ['service:', 8, 'a value'],
    ['service:a*b', 9, 'a star at the end only'],
    ['a "b', 4, 'quotation mark that ends the one at 2'],
    ['colour:red', 0, 'a field (type, service'],
    ['a'.repeat(MAX_QUERY_LENGTH + 1), MAX_QUERY_LENGTH, 'at most 2048 characters'],
    ['('.repeat(1000), MAX_QUERY_DEPTH + 1, 'levels of nesting'],
    ['-'.repeat(1000), MAX_QUERY_DEPTH + 1, 'levels of nesting'],
    ['a '.repeat(1000), 2 * MAX_QUERY_CONDITIONS, 'at most 64 conditions'],
  ])('refuses %j at character %i', (text, offset, expected) => {
    const parsed = parseQuery(text);
    expect(parsed).toMatchObject({ ok: false, offset });
    expect(parsed.ok ? '' : parsed.expected).toContain(expected);
  });
});

describe('a query', () => {
  const some = fc.array(events, { minLength: 1, maxLength: 10 });
  const storedLines = (samples: readonly Sample[], every: number) => ({
    ...chunkOf(samples),
    data: Buffer.from(samples.map((sample) => escaped(sample, every)).join('\n')),
  });

  it('finds the events that it means', () => {
    fc.assert(
      fc.property(some, queries, (samples, query) => {
        const test = bindQuery(query, decodeChunk(chunkOf(samples)));
        expect(samples.map((_, i) => test(i))).toEqual(samples.map((sample) => meets(sample, query)));
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it('never skips a chunk that holds an event that it means', () => {
    let skipped = 0;
    fc.assert(
      fc.property(some, queries, (samples, query) => {
        const [entry] = [...foldAll(chunkIndex, [chunkOf(samples)]).values()];
        const listed = listedNow(entry!, NO_ROUTES);
        const may = mayHold(query, listed);
        if (!may) skipped += 1;
        const overflowing = mayHold(query, { ...listed, services: [], overflow: ['services'] });
        if (samples.some((sample) => meets(sample, query))) expect([may, overflowing]).toEqual([true, true]);
      }),
      { seed: 1, numRuns: 3000 },
    );
    expect(skipped).toBeGreaterThan(200);
  });

  it('never skips a chunk whose events it means by what their paths are now, whatever they were at the chunk', () => {
    const samples = fc.array(
      fc.record({
        type: fc.constant('api_call'),
        path: sitePath,
        route: fc.option(sitePath, { nil: undefined }),
      }),
      { minLength: 1, maxLength: 80 },
    );
    let skipped = 0;
    fc.assert(
      fc.property(samples, fc.nat({ max: 79 }), fc.boolean(), fc.nat(), (sent, which, negated, age) => {
        const { books } = learnFrom(
          sent.map(({ path }) => path),
          8,
        );
        const now = books.at(-1) ?? RouteBook.EMPTY;
        const then = books[age % books.length] ?? RouteBook.EMPTY;
        const stored = chunkOf(sent.map((one) => JSON.parse(JSON.stringify(one)) as object));
        const one = sent[which % sent.length];
        const is = {
          kind: 'is',
          field: 'route',
          text: one?.route ?? now.routeOf(one?.path ?? ''),
          prefix: false,
        } as const;
        const query: Query = negated ? { kind: 'not', of: is } : is;
        const [entry] = [...foldAll(chunkIndex, [stored], then).values()];
        const may = mayHold(query, listedNow(entry!, { book: now, rewritten: START }));
        const test = bindQuery(query, decode(stored, now));
        const some = sent.some((_, index) => test(index));
        if (some) expect(may).toBe(true);
        if (!may) skipped += 1;
      }),
      { seed: 1, numRuns: 500 },
    );
    expect(skipped).toBeGreaterThan(0);
  });

  it('never skips a line that it means, however the sender wrote it', () => {
    let skipped = 0;
    fc.assert(
      fc.property(some, queries, fc.nat({ max: 6 }), (samples, query, every) => {
        const needles = needlesOf(query);
        if (!needles) return;
        const stored = storedLines(samples, every);
        const lines = new NeedleScanner(needles).lines(stored.data);
        skipped += samples.length - lines.length;
        const chunk = chunkOfLines(
          stored.id,
          pickLines(stored, lines),
          { received_at: NOW },
          RouteBook.EMPTY,
        );
        const test = bindQuery(query, chunk);
        expect(lines.filter((_, i) => test(i))).toEqual(
          samples.flatMap((sample, i) => (meets(sample, query) ? [i] : [])),
        );
      }),
      { seed: 1, numRuns: 5000 },
    );
    expect(skipped).toBeGreaterThan(300);
  });
});
