import { lineStarts } from '../line-starts.js';
import { hasColumn } from './match.js';
import type { Query, TextField } from './query.js';

/**
 * Text that stands in the bytes of every event that meets a query, so that events can be told not to meet it before
 * they are parsed. Upper and lower ASCII case are the same here. Only characters are used that JSON writes as
 * themselves or as a `\u` escape: an event with such an escape must be parsed, and so must one with a letter outside
 * ASCII whose lower case has a letter of the text.
 */
export type Needles = readonly string[];

const MAX_NEEDLES = 8;

/** A number has many spellings: an attribute's text need not be in the bytes where it may be that of a number. */
export const mayBeNumber = (text: string, prefix: boolean): boolean =>
  prefix ? text === '' || /^[-\dI]/.test(text) : !Number.isNaN(Number(text));

/**
 * The pieces that can be searched for as bytes. Quotes, backslashes and slashes have short escapes, and letters
 * outside ASCII have other bytes in the other case.
 */
export const piecesOf = (text: string): readonly string[] => text.split(/[^ !#-.0-[\]-~]/);

const longestPiece = (text: string): string | undefined => {
  const longest = piecesOf(text).reduce((best, piece) => (piece.length > best.length ? piece : best), '');
  return longest === '' ? undefined : longest;
};

/** Needles with a guess of how few events have them. */
interface Guess {
  readonly needles: Needles;
  readonly rarity: number;
}

/** Fields of few different values, most of which most chunks hold. */
const COMMON: ReadonlySet<unknown> = new Set<TextField>(['consumer', 'environment', 'region', 'severity']);

const guess = (needle: string | undefined, common: boolean): Guess | undefined =>
  needle === undefined
    ? undefined
    : { needles: [needle], rarity: common ? needle.length / 1000 : needle.length };

const rarer = (one: Guess | undefined, other: Guess | undefined): Guess | undefined =>
  one && other ? (other.rarity > one.rarity ? other : one) : (one ?? other);

const guessOf = (query: Query): Guess | undefined => {
  switch (query.kind) {
    case 'mentions':
      return guess(longestPiece(query.text.toLowerCase()), false);
    case 'is':
      // Columns say more of what has one, for less; and a route may be made from the path, and then stands nowhere.
      if (hasColumn(query.field)) return undefined;
      if (typeof query.field === 'object' && mayBeNumber(query.text, query.prefix)) return undefined;
      return guess(longestPiece(query.text), COMMON.has(query.field));
    case 'and':
      return query.of.map(guessOf).reduce(rarer, undefined);
    case 'or': {
      const members = query.of.map(guessOf);
      const found = members.filter((member) => member !== undefined);
      if (found.length < members.length) return undefined;
      const needles = found.flatMap((member) => member.needles);
      return needles.length <= MAX_NEEDLES
        ? { needles, rarity: Math.min(...found.map(({ rarity }) => rarity)) }
        : undefined;
    }
    default:
      return undefined;
  }
};

/** Texts of which every event that meets a query has at least one; undefined where there are no such texts. */
export const needlesOf = (query: Query): Needles | undefined => guessOf(query)?.needles;

/** Finds one text in bytes, whatever its ASCII case, by skipping (Boyer and Moore, Horspool 1980). */
class Finder {
  readonly #lower: Uint8Array;
  readonly #upper: Uint8Array;
  /** How far to go on from a byte that stands where the text would end; 0 where it is the text's last. */
  readonly #skip: Uint16Array;
  /** How far to go on where the last byte is right and another is not. */
  readonly #onward: number;

  constructor(text: string) {
    const last = text.length - 1;
    this.#lower = Buffer.from(text.toLowerCase());
    this.#upper = Buffer.from(text.toUpperCase());
    this.#skip = new Uint16Array(256).fill(text.length);
    for (let i = 0; i < last; i += 1) this.#set(i, last - i);
    this.#onward = this.#skip[this.#lower[last] ?? 0] ?? 1;
    this.#set(last, 0);
  }

  #set(i: number, skip: number): void {
    this.#skip[this.#lower[i] ?? 0] = skip;
    this.#skip[this.#upper[i] ?? 0] = skip;
  }

  /** Where the text begins at or after a place; -1 where it does not. */
  find(bytes: Uint8Array, from: number): number {
    const [lower, upper, skip, onward] = [this.#lower, this.#upper, this.#skip, this.#onward];
    const last = lower.length - 1;
    const end = bytes.length;
    let at = from + last;
    while (at < end) {
      const jump = skip[bytes[at] ?? 0] ?? 1;
      if (jump !== 0) {
        at += jump;
        continue;
      }
      const start = at - last;
      let i = last - 1;
      while (i >= 0 && (bytes[start + i] === lower[i] || bytes[start + i] === upper[i])) i -= 1;
      if (i < 0) return start;
      at += onward;
    }
    return -1;
  }
}

const ESCAPE = Buffer.from('\\u');
/** The letters outside ASCII whose lower case has one of ASCII. */
const KELVIN_SIGN = Buffer.from('\u212a');
const DOTTED_I = Buffer.from('\u0130');

/** Finds what may meet a query with these needles: lines of NDJSON, or texts as they stand in such lines. */
export class NeedleScanner {
  /** In lower case. */
  readonly needles: Needles;
  readonly #finders: readonly Finder[];
  /** Where one of these is, nothing else need be for an event to be a candidate. */
  readonly #disguises: readonly Buffer[];

  constructor(needles: Needles) {
    this.needles = needles.map((needle) => needle.toLowerCase());
    this.#finders = this.needles.map((needle) => new Finder(needle));
    const contain = (letter: string): boolean => this.needles.some((needle) => needle.includes(letter));
    this.#disguises = [ESCAPE, ...(contain('k') ? [KELVIN_SIGN] : []), ...(contain('i') ? [DOTTED_I] : [])];
  }

  /** Which lines are candidates, by their numbers from 0 on, in order; `starts` is asked for where there are some. */
  lines(bytes: Buffer, starts: () => Uint32Array = () => lineStarts(bytes)): readonly number[] {
    return this.isIn(bytes) ? this.texts(bytes, starts()) : [];
  }

  /** Which of some texts are candidates, each of which starts where the one before it ends. */
  texts(bytes: Buffer, starts: ArrayLike<number>): readonly number[] {
    const texts: number[] = [];
    let text = 0;
    this.#walk(bytes, (place) => {
      while ((starts[text + 1] ?? Infinity) <= place) text += 1;
      texts.push(text);
      return (starts[text + 1] ?? bytes.length) - 1;
    });
    return texts;
  }

  /** Whether some event may be a candidate for what stands in these bytes. */
  isIn(bytes: Buffer): boolean {
    let found = false;
    this.#walk(bytes, () => {
      found = true;
      return bytes.length;
    });
    return found;
  }

  /** Whether a text in which these characters may stand, and no others, may hold a needle. */
  mayBeMadeOf(characters: string): boolean {
    const allowed = Buffer.from(characters.toLowerCase(), 'latin1');
    return this.needles.some((needle) => Buffer.from(needle).every((byte) => allowed.includes(byte)));
  }

  /** Calls back for each place of a needle or a disguise behind the last byte that the callback said it is done with. */
  #walk(bytes: Buffer, visit: (place: number) => number): void {
    const searches: ((from: number) => number)[] = [
      ...this.#finders.map((finder) => (from: number) => finder.find(bytes, from)),
      ...this.#disguises.map((disguise) => (from: number) => bytes.indexOf(disguise, from)),
    ];
    // The next place of each, looked for again once it is behind.
    const places = searches.map((search) => search(0));
    for (;;) {
      let next = -1;
      for (const place of places) if (place >= 0 && (next < 0 || place < next)) next = place;
      if (next < 0) return;
      const end = visit(next);
      searches.forEach((search, i) => {
        const place = places[i] ?? -1;
        if (place >= 0 && place <= end) places[i] = end + 1 < bytes.length ? search(end + 1) : -1;
      });
    }
  }
}
