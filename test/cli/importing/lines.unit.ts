import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LineSplitter, LONGEST_LINE, type Line } from '../../../src/cli/importing/lines.js';

const split = (chunks: readonly Buffer[]): readonly Line[] => {
  const splitter = new LineSplitter();
  const lines = chunks.flatMap((chunk) => [...splitter.push(chunk)]);
  const last = splitter.end();
  return last ? [...lines, last] : lines;
};
const texts = (text: string): readonly string[] => split([Buffer.from(text)]).map((line) => line.text);

describe('bytes', () => {
  it('are cut at line breaks, which may be those of Windows', () => {
    expect(texts('a\nb\r\n\nc')).toEqual(['a', 'b', '', 'c']);
    expect(texts('')).toEqual([]);
    expect(texts('\n')).toEqual(['']);
    expect(split([Buffer.from('a\nb')]).map(({ ended }) => ended)).toEqual([true, false]);
  });

  it('may begin with a byte order mark, which is no part of the first line', () =>
    expect(texts('\ufeffa\n\ufeffb\n')).toEqual(['a', '\ufeffb']));

  it('give the same lines in whatever chunks they come', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.constant('\n'), fc.constant('\r\n')),
        ),
        fc.array(fc.nat(30), { minLength: 1 }),
        (parts, sizes) => {
          const whole = Buffer.from(parts.join(''));
          const chunks: Buffer[] = [];
          for (let at = 0, n = 0; at < whole.length; n += 1) {
            const end = at + 1 + (sizes[n % sizes.length] ?? 0);
            chunks.push(whole.subarray(at, end));
            at = end;
          }
          expect(split(chunks)).toEqual(split([whole]));
        },
      ),
      { seed: 6, numRuns: 500 },
    );
  });

  it('of a line without end are kept up to a bound, and the next line is whole again', () => {
    const long = Buffer.from(`${'x'.repeat(LONGEST_LINE * 3)}\nnext\n`);
    const chunks = Array.from({ length: Math.ceil(long.length / 50_000) }, (_, n) =>
      long.subarray(n * 50_000, (n + 1) * 50_000),
    );
    for (const lines of [split([long]), split(chunks)]) {
      expect(lines.map(({ text }) => text.length)).toEqual([LONGEST_LINE + 1, 4]);
      expect(lines.at(-1)).toEqual({ text: 'next', ended: true });
    }
  });
});
