import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  BATCH_CHARACTERS,
  BATCH_LINES,
  eventIdOf,
  PieceMaker,
  type Piece,
} from '../../../src/cli/importing/pieces.js';

/** Cuts, as they are remembered from import to import. */
class Cuts {
  readonly #of = new Map<string, Set<number>>();
  readonly of = (batch: string): ReadonlySet<number> => this.#of.get(batch) ?? new Set();
  add({ batch, offset, lines }: Piece): void {
    this.#of.set(batch, new Set([...this.of(batch), offset + lines.length]));
  }
}

const piecesOf = (lines: readonly string[], cuts = new Cuts(), seed = 'seed'): readonly Piece[] => {
  const maker = new PieceMaker(seed, cuts.of);
  const pieces = lines.flatMap((text) => maker.add({ text }) ?? []);
  const rest = maker.rest();
  if (rest) cuts.add(rest);
  return rest ? [...pieces, rest] : pieces;
};
const keys = (pieces: readonly Piece[]): readonly string[] => pieces.map(({ key }) => key);
const ids = (pieces: readonly Piece[]): readonly string[] =>
  pieces.flatMap((piece) => piece.lines.map((_, index) => eventIdOf(piece, index)));
const numbered = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, n) => `line ${from + n}`);

describe('the pieces of a log', () => {
  it('hold its lines in their order, each once, and know their numbers', () => {
    const lines = numbered(2 * BATCH_LINES + 7);
    const pieces = piecesOf(lines);
    expect(pieces.flatMap((piece) => piece.lines)).toEqual(lines);
    expect(pieces.map(({ first, offset, cut }) => ({ first, offset, cut }))).toEqual([
      { first: 1, offset: 0, cut: false },
      { first: 1 + BATCH_LINES, offset: 0, cut: false },
      { first: 1 + 2 * BATCH_LINES, offset: 0, cut: true },
    ]);
  });

  it('end when there are enough characters', () => {
    const lines = Array.from({ length: 9 }, () => 'x'.repeat(BATCH_CHARACTERS / 4));
    expect(piecesOf(lines).map((piece) => piece.lines.length)).toEqual([4, 4, 1]);
  });

  it('stay the same however the log grows in between, as long as its cuts are remembered', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1500), { minLength: 1, maxLength: 8 }), (growth) => {
        const lines = numbered(growth.reduce((sum, more) => sum + more, 0));
        const cuts = new Cuts();
        const sent = new Map<string, readonly string[]>();
        let length = 0;
        for (const more of growth) {
          length += more;
          for (const piece of piecesOf(lines.slice(0, length), cuts)) sent.set(piece.key, piece.lines);
        }
        expect([...sent.values()].flat()).toEqual(lines);
      }),
      { seed: 7, numRuns: 20 },
    );
  });

  it('forgetting the cuts changes no batch that was whole, and no id', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(5000), (before, more) => {
        const lines = numbered(before + more);
        const first = piecesOf(lines.slice(0, before));
        const then = piecesOf(lines);
        const whole = keys(first.filter(({ cut }) => !cut));
        expect(keys(then)).toEqual(expect.arrayContaining([...whole]));
        expect(ids(then).slice(0, before)).toEqual(ids(first));
        expect(new Set(ids(then)).size).toBe(lines.length);
      }),
      { seed: 8, numRuns: 8 },
    );
  });

  it('are others where anything before them, or the seed, is another', () => {
    const lines = numbered(3 * BATCH_LINES);
    const original = piecesOf(lines);
    const known = new Set([...keys(original), ...ids(original)]);
    const changed = piecesOf(lines.with(5, 'another'));
    for (const other of [changed, piecesOf(lines, new Cuts(), 'other seed')]) {
      expect(keys(other).filter((key) => known.has(key))).toEqual([]);
      expect(
        ids(other)
          .slice(5)
          .filter((id) => known.has(id)),
      ).toEqual([]);
    }
    expect(ids(changed).slice(0, 5)).toEqual(ids(original).slice(0, 5));
  });
});
