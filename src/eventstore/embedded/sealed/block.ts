import { ByteReader } from '../../../domain/telemetry/column-codec/bytes.js';
import { EncodedLines, LineRange } from '../../../domain/telemetry/column-codec/decode.js';
import { decodeIntegers } from '../../../domain/telemetry/column-codec/integers.js';
import { lessHeader } from '../../../domain/telemetry/stored-chunk.js';
import { deflateCompression } from '../../../platform/compression.js';
import type { RecordedEvent } from '../../event-store.js';
import type { CompiledFilter, RecordRun } from '../commit.js';
import { chainAfter, FRAME_BYTES } from '../format.js';
import type { IndexedCommit } from '../log-index.js';
import { dataBytes, isTruncation, readEvent, readKey, readTimes, type RecordKey } from '../record.js';
import { runsOf } from '../runs.js';
import type { BlockPlace } from './format.js';

const LEAF_BYTES = 32;

/** Where a record's lines are: in a stripe, from a line on. */
interface LinesPlace {
  readonly stripe: number;
  readonly from: number;
  readonly count: number;
}

/** Whole commits of a sealed segment in memory (encode-block.ts); what of it is asked for is decoded, once. */
export class SealedBlock implements RecordRun {
  readonly count: number;
  readonly #commits: Float64Array;
  readonly #leaves: Buffer;
  readonly #heads: Buffer;
  /** Where each head starts, and where the last one ends. */
  readonly #starts: readonly number[];
  readonly #lines: readonly (LinesPlace | undefined)[];
  /** The lines of telemetry in it. */
  readonly stripes: readonly EncodedLines[];
  readonly #dropped: ReadonlySet<number>;
  /** Of records out of which events were cut the numbers of those. */
  readonly #gone: ReadonlyMap<number, readonly number[]>;
  readonly #events: (RecordedEvent | undefined)[] = [];
  #ends: ReadonlySet<number> | undefined;

  /** Throws UndecodableColumns where the content is none. */
  constructor(
    private readonly place: Pick<BlockPlace, 'number' | 'chain'>,
    content: Uint8Array,
  ) {
    const from = new ByteReader(content, deflateCompression);
    const integers = (count: number): Float64Array =>
      decodeIntegers(new ByteReader(from.sized(), from.compression), count);
    this.count = from.varint();
    this.#commits = integers(from.varint());
    this.#leaves = asBuffer(from.take(this.count * LEAF_BYTES));
    const starts = [0];
    for (const length of integers(this.count)) starts.push((starts.at(-1) ?? 0) + length);
    this.#starts = starts;
    this.#heads = asBuffer(from.blob());
    const lines = integers(this.count);
    const places: (LinesPlace | undefined)[] = [];
    this.stripes = Array.from({ length: from.varint() }, (_, stripe) => {
      let line = 0;
      for (let left = from.varint(); left > 0; left -= 1) {
        const count = lines[places.length] ?? 0;
        places.push(count > 0 ? { stripe, from: line, count } : undefined);
        line += count;
      }
      return new EncodedLines(from.sized(), from.compression);
    });
    this.#lines = places;
    const list = (): readonly number[] => Array.from(integers(from.varint()));
    this.#dropped = new Set(from.left > 0 ? list() : []);
    const cut = from.left > 0 ? list() : [];
    this.#gone = new Map(cut.map((i) => [i, list()]));
  }

  /** Of its first record. */
  get number(): number {
    return this.place.number;
  }

  /** The log's chain after it, as the directory has it. */
  get chain(): Buffer {
    return this.place.chain;
  }

  get last(): number {
    return this.number + this.count - 1;
  }

  bytesOf(i: number): number {
    const range = this.#rangeOf(i);
    // All lines of a stripe are about as long.
    const data = range ? (range.encoded.size * range.count) / Math.max(1, range.encoded.count) : 0;
    return this.#end(i) - this.#start(i) + Math.round(data);
  }

  event(i: number, filter?: CompiledFilter): RecordedEvent | undefined {
    const at = this.#start(i) - FRAME_BYTES;
    if (this.#dropped.has(i)) return undefined;
    if (isTruncation(this.#heads, at)) return undefined;
    if (filter && !filter(this.#heads, at)) return undefined;
    return (this.#events[i] ??= this.#read(i));
  }

  lentEvent(i: number, filter?: CompiledFilter): RecordedEvent | undefined {
    return this.event(i, filter);
  }

  #read(i: number): RecordedEvent {
    const event = readEvent(this.#heads, this.#start(i) - FRAME_BYTES, this.number + i);
    const lines = this.#rangeOf(i);
    if (!lines) return event;
    const { id, type, schema_version, stream, revision, position } = event;
    const { metadata, kept } = this.#left(i, event);
    let data: Uint8Array | undefined;
    return {
      id,
      type,
      schema_version,
      metadata,
      stream,
      revision,
      position,
      lines,
      ...(kept && { kept }),
      get data() {
        return (data ??= lines.bytes());
      },
    };
  }

  /** What a record's header says of the events that are left, and their numbers where some are gone. */
  #left(i: number, { metadata }: RecordedEvent): Pick<RecordedEvent, 'metadata' | 'kept'> {
    const gone = this.#gone.get(i);
    if (!gone || !metadata.chunk) return { metadata };
    const cut = new Set(gone);
    const kept = Array.from({ length: metadata.chunk.count }, (_, number) => number).filter(
      (number) => !cut.has(number),
    );
    const header = lessHeader(metadata.chunk, kept.length, dataBytes(this.#heads, this.#start(i)));
    return { metadata: { ...metadata, chunk: header }, kept };
  }

  gone(i: number): readonly number[] {
    return this.#gone.get(i) ?? [];
  }

  /** Whether a record was dropped: readers do not see it, and its payload is not there. */
  isDropped(i: number): boolean {
    return this.#dropped.has(i);
  }

  /** A record's payload, as it was acknowledged; of a dropped or cut one what is left of it. */
  payload(i: number): Buffer {
    const head = this.#heads.subarray(this.#start(i), this.#end(i));
    const lines = this.#rangeOf(i);
    return lines ? Buffer.concat([head, lines.bytes()]) : head;
  }

  /** A record's leaf hash, as it is stored. */
  leaf(i: number): Buffer {
    return this.#leaves.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES);
  }

  leaves(): readonly Buffer[] {
    return Array.from({ length: this.count }, (_, i) => this.leaf(i));
  }

  /** How many records each commit has. */
  get commits(): Iterable<number> {
    return this.#commits;
  }

  /** Whether a commit ends with the record of a number. */
  endsCommit(number: number): boolean {
    this.#ends ??= this.#findEnds();
    return this.#ends.has(number);
  }

  #findEnds(): Set<number> {
    let last = this.number - 1;
    return new Set(Array.from(this.#commits, (count) => (last += count)));
  }

  /** The chain after the commit whose last record has a number, or after all of them; undefined where none ends there. */
  chainAt(before: Buffer, number = this.last): Buffer | undefined {
    let chain = before;
    let at = 0;
    for (const count of this.#commits) {
      chain = chainAfter(
        chain,
        Array.from({ length: count }, (_, i) => this.leaf(at + i)),
      );
      at += count;
      if (this.number + at - 1 === number) return chain;
    }
    return undefined;
  }

  *keys(): Iterable<RecordKey> {
    for (let i = 0; i < this.count; i += 1) yield readKey(this.#heads, this.#start(i) - FRAME_BYTES);
  }

  /** As the index knows it: by number alone. */
  forIndex(): IndexedCommit {
    const { count } = this;
    const { number, chain } = this.place;
    const keys = [...this.keys()].map((key, i) => {
      const times = this.#lines[i] && readTimes(this.#heads, this.#start(i) - FRAME_BYTES);
      return { ...key, number: number + i, offset: 0, bytes: 0, times };
    });
    return { number, count, offset: 0, chain, runs: runsOf(keys) };
  }

  #rangeOf(i: number): LineRange | undefined {
    const place = this.#lines[i];
    const stripe = place && this.stripes[place.stripe];
    return stripe && new LineRange(stripe, place.from, place.from + place.count);
  }

  #start(i: number): number {
    const start = this.#starts[i];
    if (start === undefined || i >= this.count)
      throw new RangeError(`a block of ${this.count} records has none with index ${i}`);
    return start;
  }

  #end(i: number): number {
    return this.#starts[i + 1] ?? 0;
  }
}

const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, length);
