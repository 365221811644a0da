import type { EventFilter, RecordedEvent } from '../event-store.js';
import { FRAME_BYTES, leafHash, type Header } from './format.js';
import type { Frames } from './frames.js';
import type { IndexedCommit, IndexedRun } from './log-index.js';
import {
  isTruncation,
  payloadBytes,
  readEvent,
  readKey,
  readStreamName,
  readType,
  streamNameBytes,
} from './record.js';
import type { Segment } from './segments.js';

/** Some of a commit's frames in memory. */
export interface PlacedFrames extends Frames {
  /** Where the bytes' first one stands in the segment. */
  readonly offset: number;
}

/** A commit in memory, as bytes that checked out; its events are parsed when somebody wants them, once. */
export class Commit {
  readonly #events: (RecordedEvent | undefined)[] = [];

  constructor(
    readonly segment: Segment,
    /** Where it starts in its segment. */
    readonly offset: number,
    readonly header: Header,
    /** All of its frames, in their order; mostly in one part. */
    private readonly parts: readonly PlacedFrames[],
  ) {}

  /** The number of its first record. */
  get number(): number {
    return this.header.number;
  }

  get count(): number {
    return this.header.count;
  }

  get last(): number {
    return this.header.number + this.header.count - 1;
  }

  get bytes(): number {
    return this.header.length;
  }

  bytesOf(i: number): number {
    const { bytes, at } = this.#frame(i);
    return payloadBytes(bytes, at);
  }

  /** A record as readers see it; undefined where they do not. */
  event(i: number, filter?: CompiledFilter): RecordedEvent | undefined {
    const { bytes, at } = this.#frame(i);
    if (isTruncation(bytes, at)) return undefined;
    if (filter && !filter(bytes, at)) return undefined;
    return (this.#events[i] ??= readEvent(bytes, at, this.number + i));
  }

  leaves(): Buffer[] {
    return this.parts.flatMap(({ bytes, starts }) => Array.from(starts, (at) => leafHash(bytes, at)));
  }

  /** What the index is to know of it. */
  forIndex(): IndexedCommit {
    const runs: (IndexedRun & { count: number; bytes: number; ids: Buffer[] })[] = [];
    for (let i = 0; i < this.count; i += 1) {
      const { bytes: buffer, offset, at } = this.#frame(i);
      const { stream, revision, id, truncation } = readKey(buffer, at);
      const bytes = FRAME_BYTES + payloadBytes(buffer, at);
      const name = streamNameBytes(stream);
      const run = runs.at(-1);
      if (run && !truncation && !run.truncation && run.stream.equals(name)) {
        run.count += 1;
        run.bytes += bytes;
        run.ids.push(id);
      } else {
        const ids = truncation ? [] : [id];
        runs.push({
          stream: name,
          revision,
          number: this.number + i,
          count: 1,
          offset: offset + at,
          bytes,
          ids,
          truncation,
        });
      }
    }
    return { number: this.number, count: this.count, offset: this.offset, chain: this.header.chain, runs };
  }

  /** Each record's stream, revision and kind, for checking. */
  *keys(): Iterable<ReturnType<typeof readKey>> {
    for (const { bytes, starts } of this.parts) for (const at of starts) yield readKey(bytes, at);
  }

  #frame(i: number): { readonly bytes: Buffer; readonly offset: number; readonly at: number } {
    let before = 0;
    for (const { bytes, offset, starts } of this.parts) {
      const at = starts[i - before];
      if (at !== undefined) return { bytes, offset, at };
      before += starts.length;
    }
    throw new RangeError(`a commit of ${this.count} records has none with index ${i}`);
  }
}

/** A filter that looks at a frame before it is parsed. */
export type CompiledFilter = (buffer: Buffer, at: number) => boolean;

export const compileFilter = ({ types, stream_prefix: prefix }: EventFilter): CompiledFilter | undefined => {
  if (!types && !prefix) return undefined;
  const wanted = types && new Set(types);
  return (buffer, at) =>
    (!wanted || wanted.has(readType(buffer, at))) &&
    (!prefix || readStreamName(buffer, at).startsWith(prefix));
};
