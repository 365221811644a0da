import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { candidatesIn } from '../../../../src/domain/telemetry/column-codec/find.js';
import { EncodedLines, LineRange } from '../../../../src/domain/telemetry/column-codec/decode.js';
import { ByteReader, ByteWriter } from '../../../../src/domain/telemetry/column-codec/bytes.js';
import { encodeLines } from '../../../../src/domain/telemetry/column-codec/encode.js';
import { gatherTexts } from '../../../../src/domain/telemetry/column-codec/gather.js';
import { NeedleScanner, needlesOf } from '../../../../src/domain/telemetry/query/scan.js';
import { mayMean } from '../../../../src/domain/telemetry/query/skip.js';
import {
  readTextFilter,
  TextFilterBuilder,
  writeTextFilter,
} from '../../../../src/domain/telemetry/query/text-filter.js';
import { deflateCompression } from '../../../../src/platform/compression.js';
import { lineGroups } from '../../../support/lines.js';
import { escaped } from '../../../support/queries.js';

/** Every text in a value; of what is no JSON there is none. */
const textsIn = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
};
const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
};

/** Values of every kind that a column can be of, enough of them for it to become one. */
const hex = fc.stringMatching(/^[0-9a-f]{32}$/);
const columnsOfKinds = fc
  .record({
    lines: fc.array(
      fc.record(
        {
          trace_id: hex,
          span_id: fc.stringMatching(/^[0-9A-F]{15}$/),
          user_id: fc.integer({ min: 0, max: 9_999 }).map((n) => `user ${n}!`),
          message: fc.oneof(
            fc.tuple(fc.nat(9), hex).map(([n, digits]) => `T\u0130med out ${n}: ${digits}`),
            fc.string({ unit: 'grapheme', maxLength: 12 }),
          ),
          attributes: fc.record({
            at: fc
              .date({ min: new Date('2000'), max: new Date('2030'), noInvalidDate: true })
              .map((d) => d.toJSON()),
            order: fc.uuid(),
            sum: fc.oneof(
              fc.integer({ min: -99, max: 99_999 }).map((n) => `${n / 100} \u20ac`),
              fc.constant('none'),
            ),
            flag: fc.boolean(),
          }),
        },
        { requiredKeys: ['trace_id', 'attributes'] },
      ),
      { minLength: 1, maxLength: 60 },
    ),
    every: fc.nat({ max: 9 }),
  })
  .map(({ lines, every }) => lines.map((line, i) => escaped(line, i % 7 === 3 ? every : 0)));

interface Cut {
  readonly line: number;
  readonly text: number;
  readonly from: number;
  readonly length: number;
  readonly upper: boolean;
}
const cut: fc.Arbitrary<Cut> = fc.record({
  line: fc.nat(),
  text: fc.nat(),
  from: fc.nat(),
  length: fc.integer({ min: 1, max: 36 }),
  upper: fc.boolean(),
});

/** Some text out of the lines. */
const textOf = (lines: readonly string[], { line, text, from, length, upper }: Cut): string => {
  const texts = textsIn(parsed(lines[line % lines.length] ?? ''));
  const whole = texts[text % texts.length] ?? 'nothing';
  const piece = whole.slice(from % (whole.length + 1)).slice(0, length);
  return upper ? piece.toUpperCase() : piece;
};

describe('columns that are looked through instead of lines', () => {
  it('have every line that says a text, however it is written and whatever its column is', () => {
    let skipped = 0;
    fc.assert(
      fc.property(fc.oneof(columnsOfKinds, lineGroups), cut, fc.nat(), (lines, from, middle) => {
        const text = textOf(lines, from);
        const needles = text === '' ? undefined : needlesOf({ kind: 'mentions', text });
        if (!needles) return;
        const encoded = new EncodedLines(
          encodeLines(Buffer.from(lines.join('\n')), deflateCompression),
          deflateCompression,
        );
        const scanner = new NeedleScanner(needles);
        const cut = middle % (lines.length + 1);
        const found = [
          ...candidatesIn(new LineRange(encoded, 0, cut), scanner),
          ...candidatesIn(new LineRange(encoded, cut, lines.length), scanner).map((line) => line + cut),
        ];
        const right = lines.flatMap((line, i) =>
          textsIn(parsed(line)).some((one) => one.toLowerCase().includes(text.toLowerCase())) ? [i] : [],
        );
        expect(found).toEqual(expect.arrayContaining(right));
        expect(found).toEqual([...found].sort((a, b) => a - b));
        skipped += lines.length - found.length;
      }),
      { seed: 1, numRuns: 1_200 },
    );
    expect(skipped).toBeGreaterThan(5_000);
  });

  it('are said to hold every text that a line of theirs says, and most of those that none says are told apart', () => {
    let absent = 0;
    let skipped = 0;
    fc.assert(
      fc.property(fc.oneof(columnsOfKinds, lineGroups), cut, fc.boolean(), (lines, from, isReversed) => {
        const piece = textOf(lines, from);
        const text = isReversed ? Array.from(piece).reverse().join('') : piece;
        if (text === '') return;
        const encoded = new EncodedLines(
          encodeLines(Buffer.from(lines.join('\n')), deflateCompression),
          deflateCompression,
        );
        const builder = new TextFilterBuilder();
        gatherTexts(encoded, builder);
        const out = new ByteWriter(deflateCompression);
        writeTextFilter(builder.filter(), out);
        const filter = readTextFilter(new ByteReader(out.bytes(), deflateCompression));
        const passes = mayMean({ kind: 'mentions', text }, filter);
        const isThere = lines.some((line) =>
          textsIn(parsed(line)).some((one) => one.toLowerCase().includes(text.toLowerCase())),
        );
        if (isThere) expect([text, passes]).toEqual([text, true]);
        else {
          absent += 1;
          skipped += passes ? 0 : 1;
        }
      }),
      { seed: 3, numRuns: 1_200 },
    );
    // Short texts and those of characters that are not looked at tell nothing.
    expect(skipped).toBeGreaterThan(absent / 5);
    expect(skipped).toBeGreaterThan(20);
  });

  it.each([
    ['user 7', (n: number) => `\\u0075ser ${n}`],
    ['kit 7', (n: number) => `\u212ait ${n}`],
    ['info at', (n: number) => `\u0130nfo at 2026-03-0${1 + n}`],
    ['deed', (n: number) => `d\\u0065ed0${n}`],
  ])('find %j where all values of a column spell it otherwise', (text, value) => {
    const lines = Array.from({ length: 9 }, (_, n) => `{"type":"a","user_id":"${value(n)}"}`);
    const encoded = new EncodedLines(
      encodeLines(Buffer.from(lines.join('\n')), deflateCompression),
      deflateCompression,
    );
    const scanner = new NeedleScanner(needlesOf({ kind: 'mentions', text }) ?? []);
    expect(candidatesIn(new LineRange(encoded, 0, lines.length), scanner)).toContain(7);
    const builder = new TextFilterBuilder();
    gatherTexts(encoded, builder);
    expect(mayMean({ kind: 'mentions', text }, builder.filter())).toBe(true);
  });

  it('give some of their lines as they were', () => {
    fc.assert(
      fc.property(fc.oneof(columnsOfKinds, lineGroups), fc.nat(), (lines, picks) => {
        const whole = Buffer.from(lines.join('\n'));
        const encoded = new EncodedLines(encodeLines(whole, deflateCompression), deflateCompression);
        const numbers = lines.map((_, i) => i).filter((i) => (picks >> (i % 16)) % 2 === 1);
        const texts = whole.toString().split('\n');
        expect(encoded.pick(numbers)).toEqual(numbers.map((number) => texts[number]));
        const from = lines.length >> 1;
        const own = numbers.filter((number) => number >= from).map((number) => number - from);
        expect(new LineRange(encoded, from, lines.length).pick(own)).toEqual(
          own.map((number) => texts[from + number]),
        );
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});
