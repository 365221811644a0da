import { closeSync, readSync } from 'node:fs';
import type { First } from '../client-ids.js';
import { HASH_WORDS } from './hash.js';
import { eventIdAt } from './holder.js';
import {
  addressAt,
  bucketOf,
  ENTRY_BYTES,
  HEADER_BYTES,
  hashWord,
  recordedAt,
  type RunHeader,
} from './run-format.js';

/** Bits of a filter for each id: of ids that are not there one in four hundred is looked for in the file. */
const FILTER_BITS = 16;

let scratch = Buffer.alloc(0);

const isSet = (filter: Uint32Array, bit: number): boolean =>
  ((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;

/** Ids on disk: never changed, dropped whole. */
export class Run {
  /** A Bloom filter of the hashes; asked with their four words. */
  #filter: Uint32Array | undefined;
  /** What makes a bit's number of a hash's word. */
  readonly #scale: number;

  constructor(
    readonly number: number,
    readonly path: string,
    readonly header: RunHeader,
    private readonly directory: Uint32Array,
    private readonly file: number,
    entries: Buffer,
  ) {
    const bits = Math.max(32, header.count * FILTER_BITS);
    const filter = new Uint32Array(Math.ceil(bits / 32));
    this.#scale = bits / 2 ** 32;
    for (let offset = 0; offset < entries.length; offset += ENTRY_BYTES)
      for (let word = 0; word < HASH_WORDS; word += 1) {
        const bit = Math.floor(hashWord(entries, offset, word) * this.#scale);
        filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
      }
    this.#filter = filter;
  }

  get filter_bytes(): number {
    return this.#filter?.byteLength ?? 0;
  }

  /** Gives the filter's memory back: every look-up then reads the file. */
  dropFilter(): void {
    this.#filter = undefined;
  }

  /** Marks by 1 those of some hashes that may be here, each by its place among them; the filter is sure of the others. */
  mark(hashes: Uint32Array, marks: Uint8Array): void {
    for (let i = 0; i < marks.length; i += 1) if (this.#mayHold(hashes, i * HASH_WORDS)) marks[i] = 1;
  }

  /** The event of the hash at `at` that was recorded after a time. */
  find(hashes: Uint32Array, at: number, after: number): First | undefined {
    const { bits, newest } = this.header;
    if (newest <= after || !this.#mayHold(hashes, at)) return undefined;
    const bucket = bucketOf(hashes[at] ?? 0, bits);
    const from = this.directory[bucket] ?? 0;
    const bytes = ((this.directory[bucket + 1] ?? 0) - from) * ENTRY_BYTES;
    if (scratch.length < bytes) scratch = Buffer.allocUnsafe(bytes * 2);
    const start = HEADER_BYTES + this.directory.length * 4 + from * ENTRY_BYTES;
    if (readSync(this.file, scratch, 0, bytes, start) < bytes)
      throw new Error(`${this.path} has become shorter.`);
    for (let offset = 0; offset < bytes; offset += ENTRY_BYTES)
      if (
        hashWord(scratch, offset, 0) === hashes[at] &&
        hashWord(scratch, offset, 1) === hashes[at + 1] &&
        hashWord(scratch, offset, 2) === hashes[at + 2] &&
        hashWord(scratch, offset, 3) === hashes[at + 3] &&
        recordedAt(scratch, offset) > after
      )
        return { event_id: eventIdAt(scratch, addressAt(offset)), recorded_at: recordedAt(scratch, offset) };
    return undefined;
  }

  close(): void {
    closeSync(this.file);
  }

  #mayHold(hashes: Uint32Array, at: number): boolean {
    const filter = this.#filter;
    if (!filter) return true;
    for (let word = 0; word < HASH_WORDS; word += 1)
      if (!isSet(filter, Math.floor((hashes[at + word] ?? 0) * this.#scale))) return false;
    return true;
  }
}
