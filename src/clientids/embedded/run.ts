import { closeSync, readSync } from 'node:fs';
import type { First } from '../client-ids.js';
import { HASH_WORDS } from './hash.js';
import { eventIdAt } from './holder.js';
import type { RunInMemory } from './run-files.js';
import { RunFilter } from './run-filter.js';
import {
  addressAt,
  bucketOf,
  ENTRY_BYTES,
  HEADER_BYTES,
  hashWord,
  recordedAt,
  type RunHeader,
} from './run-format.js';

let scratch = Buffer.alloc(0);

/** Ids on disk: never changed, dropped whole. */
export class Run {
  readonly header: RunHeader;
  readonly #directory: Uint32Array;
  #filter: RunFilter | undefined;

  constructor(
    readonly number: number,
    readonly path: string,
    { header, directory, filter }: RunInMemory,
    private readonly file: number,
  ) {
    this.header = header;
    this.#directory = directory;
    this.#filter = new RunFilter(filter, header.count);
  }

  get filter_bytes(): number {
    return this.#filter?.bytes ?? 0;
  }

  /** Gives the filter's memory back: every look-up then reads the file. */
  dropFilter(): void {
    this.#filter = undefined;
  }

  /** Marks by 1 those of some hashes that may be here, each by its place among them; the filter is sure of the others. */
  mark(hashes: Uint32Array, marks: Uint8Array): void {
    const filter = this.#filter;
    if (!filter) marks.fill(1);
    else for (let i = 0; i < marks.length; i += 1) if (filter.mayHold(hashes, i * HASH_WORDS)) marks[i] = 1;
  }

  /** The event of the hash at `at` that was recorded after a time. */
  find(hashes: Uint32Array, at: number, after: number): First | undefined {
    const { bits, newest } = this.header;
    if (newest <= after || this.#filter?.mayHold(hashes, at) === false) return undefined;
    const bucket = bucketOf(hashes[at] ?? 0, bits);
    const from = this.#directory[bucket] ?? 0;
    const bytes = ((this.#directory[bucket + 1] ?? 0) - from) * ENTRY_BYTES;
    if (scratch.length < bytes) scratch = Buffer.allocUnsafe(bytes * 2);
    const start = HEADER_BYTES + this.#directory.length * 4 + from * ENTRY_BYTES;
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
}
