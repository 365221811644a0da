import type { EventFilter, RecordedEvent } from '../event-store.js';
import { HEADER_BYTES, leafHash, type Header } from './format.js';
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

/** A commit in memory, as bytes that checked out; its events are parsed when somebody wants them, once. */
export class Commit {
  readonly #events: (RecordedEvent | undefined)[] = [];

  constructor(
    readonly segment: Segment,
    /** Where it starts in its segment. */
    readonly offset: number,
    readonly header: Header,
    private readonly buffer: Buffer,
    /** Where it starts in the buffer. */
    private readonly start: number,
    /** Where its frames start in the buffer. */
    private readonly frames: Uint32Array,
  ) {}

  /** The number of its first record. */
  get number(): number {
    return this.header.number;
  }

  get count(): number {
    return this.frames.length;
  }

  get last(): number {
    return this.header.number + this.frames.length - 1;
  }

  get bytes(): number {
    return this.header.length;
  }

  bytesOf(i: number): number {
    return payloadBytes(this.buffer, this.#at(i));
  }

  /** A record as readers see it; undefined where they do not. */
  event(i: number, filter?: CompiledFilter): RecordedEvent | undefined {
    const at = this.#at(i);
    if (isTruncation(this.buffer, at)) return undefined;
    if (filter && !filter(this.buffer, at)) return undefined;
    return (this.#events[i] ??= readEvent(this.buffer, at, this.number + i));
  }

  leaves(): Buffer[] {
    return Array.from(this.frames, (at) => leafHash(this.buffer, at, payloadBytes(this.buffer, at)));
  }

  /** What the index is to know of it. */
  forIndex(): IndexedCommit {
    const runs: (IndexedRun & { count: number; bytes: number; ids: Buffer[] })[] = [];
    for (let i = 0; i < this.count; i += 1) {
      const at = this.#at(i);
      const { stream, revision, id, truncation } = readKey(this.buffer, at);
      const bytes = (this.frames[i + 1] ?? this.start + HEADER_BYTES + this.header.length) - at;
      const name = streamNameBytes(stream);
      const run = runs.at(-1);
      if (run && !truncation && !run.truncation && run.stream.equals(name)) {
        run.count += 1;
        run.bytes += bytes;
        run.ids.push(id);
      } else {
        const offset = this.offset + (at - this.start);
        const ids = truncation ? [] : [id];
        runs.push({
          stream: name,
          revision,
          number: this.number + i,
          count: 1,
          offset,
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
    for (const at of this.frames) yield readKey(this.buffer, at);
  }

  #at(i: number): number {
    const at = this.frames[i];
    if (at === undefined) throw new RangeError(`a commit of ${this.count} records has none with index ${i}`);
    return at;
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
