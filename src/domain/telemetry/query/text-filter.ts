import { UndecodableColumns, type ByteReader, type ByteWriter } from '../column-codec/bytes.js';
import { IdFilterBuilder, mayHoldId, readIdFilter, writeIdFilter, type IdFilter } from './id-filter.js';

/**
 * What may stand in some texts: a Bloom filter, of one hash, of the three characters that follow each other anywhere
 * in them. A text of n characters that is not there passes with a chance of about (1/8)^(n-2). Texts that follow a
 * pattern are left out of it, which with their digits would fill it; of them it knows the alphabet, and of ids which
 * whole ones there may be.
 *
 * Only characters of ASCII are looked at, upper case as lower, and none that JSON may escape.
 */
export interface TextFilter {
  /** The characters of texts that follow a pattern, in ascending order. */
  readonly alphabets: readonly string[];
  /** The same of ids, each of which is in `ids`. */
  readonly id_alphabets: readonly string[];
  readonly ids: IdFilter;
  /** A power of two of bits; undefined: anything may be there. */
  readonly bits: Uint8Array | undefined;
}

const WINDOW = 3;
const HASH_BITS = 16;
const FEWEST_BITS = 256;
/** Bits for each different window: so many make the chance of a wrong answer one in as many. */
const BITS_EACH = 8;

/** Of each byte its character in lower case, if it is one that is looked at; otherwise 0, which no window crosses. */
const CHARACTERS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[ !#-.0-[\]-~]/.test(character) ? character.toLowerCase().charCodeAt(0) : 0;
});

/** A multiplicative hash of a window's 24 bits (Knuth, The Art of Computer Programming 3, 6.4). */
const hashOf = (window: number): number => Math.imul(window, 0x9e3779b1) >>> (32 - HASH_BITS);

/** Calls back with the hash of each window in texts that stand one after another. */
const eachWindow = (bytes: Uint8Array, visit: (hash: number) => void): void => {
  let window = 0;
  let length = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    let character = byte < 128 ? (CHARACTERS[byte] as number) : 0;
    // Letters outside ASCII whose lower case has one of ASCII: the Kelvin sign, and the I with a dot.
    if (byte === 0xe2 && bytes[i + 1] === 0x84 && bytes[i + 2] === 0xaa) {
      character = 0x6b;
      i += 2;
    } else if (byte === 0xc4 && bytes[i + 1] === 0xb0) character = 0x69;
    if (character === 0) {
      length = 0;
      continue;
    }
    window = ((window << 8) | character) & 0xffffff;
    length += 1;
    if (length >= WINDOW) visit(hashOf(window));
  }
};

const ESCAPE = Buffer.from('\\u');

/** The texts that JSON strings stand for, as far as a window may be in them. */
const unescaped = (bytes: Buffer): Buffer =>
  Buffer.from(
    bytes
      .toString()
      .replace(/\\(?:u([0-9a-fA-F]{4})|[^])/g, (_, code?: string) =>
        code === undefined ? '\\' : String.fromCharCode(Number.parseInt(code, 16)),
      ),
  );

/** Gathers texts, as they stand in JSON, into a filter. */
export class TextFilterBuilder {
  readonly #marks = new Uint8Array(1 << HASH_BITS);
  readonly #alphabets = new Set<string>();
  readonly #id_alphabets = new Set<string>();
  readonly #ids = new IdFilterBuilder();
  #different = 0;
  #is_anything = false;

  /** Texts that stand one after another. */
  texts(bytes: Buffer): void {
    const marks = this.#marks;
    eachWindow(bytes.includes(ESCAPE) ? unescaped(bytes) : bytes, (hash) => {
      if (marks[hash] === 1) return;
      marks[hash] = 1;
      this.#different += 1;
    });
  }

  /** Texts of these characters, bytes as Latin-1, and no others. */
  pattern(characters: string): void {
    this.#alphabets.add(this.#alphabetOf(characters));
  }

  /** Ids of these characters, bytes as Latin-1, and no others: they stand one after another and are so long. */
  ids(characters: string, bytes: Uint8Array, lengths: Iterable<number>): void {
    this.#id_alphabets.add(this.#alphabetOf(characters));
    let at = 0;
    for (const length of lengths) {
      this.#ids.add(bytes, at, at + length);
      at += length;
    }
  }

  #alphabetOf(characters: string): string {
    // An escape may begin here and end in what differs from text to text.
    if (characters.includes('\\')) this.#is_anything = true;
    const bytes = Buffer.from(characters.toLowerCase(), 'latin1');
    const disguises = bytes.some((byte) => byte > 0x7f) ? 'ik' : '';
    const plain = String.fromCharCode(...bytes.filter((byte) => byte <= 0x7f));
    return [...new Set(plain + disguises)].sort().join('');
  }

  filter(): TextFilter {
    const alphabets = [...this.#alphabets].sort();
    const id_alphabets = [...this.#id_alphabets].sort();
    const ids = this.#ids.filter();
    if (this.#is_anything) return { alphabets, id_alphabets, ids, bits: undefined };
    let size = FEWEST_BITS;
    while (size < BITS_EACH * this.#different && size < this.#marks.length) size *= 2;
    const bits = new Uint8Array(size / 8);
    this.#marks.forEach((mark, hash) => {
      const at = hash & (size - 1);
      if (mark === 1) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
    });
    return { alphabets, id_alphabets, ids, bits };
  }
}

const isMadeOf = (text: string, alphabets: readonly string[]): boolean =>
  alphabets.some((alphabet) =>
    Array.from(text.toLowerCase()).every((character) => alphabet.includes(character)),
  );

/** Whether all windows of a text are there. */
const hasWindows = (bits: Uint8Array, text: string): boolean => {
  let contains = true;
  eachWindow(Buffer.from(text.toLowerCase()), (hash) => {
    const at = hash & (8 * bits.length - 1);
    if (((bits[at >> 3] as number) & (1 << (at & 7))) === 0) contains = false;
  });
  return contains;
};

/** Whether a text of characters that are looked at may be part of a text that was gathered. Never false where it is. */
export const mayContain = ({ alphabets, id_alphabets, bits }: TextFilter, text: string): boolean =>
  !bits || isMadeOf(text, alphabets) || isMadeOf(text, id_alphabets) || hasWindows(bits, text);

/** Whether it may be all of one. */
export const mayBe = ({ alphabets, id_alphabets, ids, bits }: TextFilter, text: string): boolean =>
  !bits ||
  isMadeOf(text, alphabets) ||
  (isMadeOf(text, id_alphabets) && mayHoldId(ids, text)) ||
  hasWindows(bits, text);

/**
 * Writes a filter: alphabets and those of ids (each count varint, each latin1), the ids (id-filter.ts), how many bytes
 * of bits varint, 0 where anything may be there, and the bits (blob).
 */
export const writeTextFilter = (
  { alphabets, id_alphabets, ids, bits }: TextFilter,
  out: ByteWriter,
): void => {
  for (const list of [alphabets, id_alphabets]) {
    out.varint(list.length);
    for (const alphabet of list) out.latin1(alphabet);
  }
  writeIdFilter(ids, out);
  out.varint(bits?.length ?? 0);
  if (bits) out.blob(bits);
};

/** Reads what {@link writeTextFilter} wrote; throws UndecodableColumns where it is nothing of the kind. */
export const readTextFilter = (from: ByteReader): TextFilter => {
  const list = (): readonly string[] => Array.from({ length: from.varint() }, () => from.latin1());
  const alphabets = list();
  const id_alphabets = list();
  const ids = readIdFilter(from);
  const length = from.varint();
  const bits = length > 0 ? from.blob() : undefined;
  if ((bits?.length ?? 0) !== length || !Number.isInteger(Math.log2(Math.max(1, length))))
    throw new UndecodableColumns('a text filter of a strange size');
  return { alphabets, id_alphabets, ids, bits };
};
