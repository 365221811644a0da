import { closeSync, readSync } from 'node:fs';
import type { First } from '../client-ids.js';
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

/** Bits of a filter for each id, at least: of ids that are not there one in a hundred is looked for in the file. */
const FILTER_BITS = 10;

let scratch = Buffer.alloc(0);

/** Ids on disk: never changed, dropped whole. */
export class Run {
  /** A Bloom filter of the hashes; asked with their four words. */
  #filter: Uint32Array | undefined;

  constructor(
    readonly number: number,
    readonly path: string,
    readonly header: RunHeader,
    private readonly directory: Uint32Array,
    private readonly file: number,
    entries: Buffer,
  ) {
    const words = Math.max(1, 2 ** Math.ceil(Math.log2((header.count * FILTER_BITS) / 32)));
    const filter = new Uint32Array(words);
    for (let offset = 0; offset < entries.length; offset += ENTRY_BYTES)
      for (let word = 0; word < 4; word += 1) {
        const bit = hashWord(entries, offset, word) >>> 0;
        const place = (bit >>> 5) & (words - 1);
        filter[place] = (filter[place] ?? 0) | (1 << (bit & 31));
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
    const mask = filter.length - 1;
    for (let word = 0; word < 4; word += 1) {
      const bit = hashes[at + word] ?? 0;
      if (((filter[(bit >>> 5) & mask] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}
