/** What the imitation of EventStoreDB stores, and its rules of appending, deleting and hiding, as they were measured. */

export interface StoredRecord {
  readonly stream: string;
  /** Infinity: the tombstone. */
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly json: boolean;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
  readonly position: number;
  readonly created: number;
}

export type Proposal = Pick<StoredRecord, 'id' | 'type' | 'json' | 'metadata' | 'data'>;

export type Expected = number | 'any' | 'no_stream' | 'stream_exists';

export type Answer =
  | { readonly is: 'success'; readonly revision: number; readonly position: number | undefined }
  /** `current` is absent where the stream is missing. */
  | { readonly is: 'wrong_revision'; readonly current: number | undefined }
  | { readonly is: 'deleted' }
  | { readonly is: 'too_large' };

export type DeleteAnswer =
  | { readonly is: 'success'; readonly position: number }
  | { readonly is: 'wrong_revision'; readonly current: number }
  | { readonly is: 'deleted' };

interface Stream {
  readonly events: StoredRecord[];
  /** First revision of each id; made when the first append asks for it. */
  ids: Map<string, number> | undefined;
  tombstoned: boolean;
  truncateBefore: number;
  maxCount: number;
  maxAgeSeconds: number;
}

export const MAX_APPEND_BYTES = 1_048_576;
const SOFT_DELETED = 2 ** 63;
const SOFT_DELETE = '{"$tb":9223372036854775807}';
/** Of the one stream that a fresh database has. */
const SCAVENGES = '{"$maxAge":2592000,"$acl":{"$r":"$ops","$w":[],"$d":[],"$mr":[],"$mw":[]}}';
const NOTHING = new Uint8Array(0);
/** What a record takes in the log beside its strings and bytes, and an append without events. */
const RECORD_BYTES = 90;
const EMPTY_APPEND_BYTES = 97;

export class Database {
  /** All records in the log's order. */
  readonly records: StoredRecord[] = [];
  readonly #streams = new Map<string, Stream>();
  readonly #listeners = new Set<() => void>();
  #next = 548;
  #made = 0;

  constructor(private readonly now: () => number = Date.now) {
    this.#write('$$$scavenges', [this.#metadata(SCAVENGES)]);
  }

  /** Calls back after each change, until the function returned is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  append(name: string, expected: Expected, proposals: readonly Proposal[]): Answer {
    const bytes = proposals.reduce((sum, { data }) => sum + data.byteLength, 0);
    if (bytes > MAX_APPEND_BYTES) return { is: 'too_large' };
    const stream = this.#streams.get(name) ?? emptyStream();
    if (this.#isTombstoned(name)) return { is: 'deleted' };
    const last = stream.events.length - 1;
    const softDeleted = stream.truncateBefore >= SOFT_DELETED;
    const wrong: Answer = { is: 'wrong_revision', current: last < 0 ? undefined : last };

    if (expected === 'stream_exists') {
      if (last < 0) return wrong;
      if (softDeleted) return { is: 'deleted' };
    }
    const at = expected === 'no_stream' ? -1 : expected;
    if (proposals.length === 0) {
      if (typeof at === 'number' && at !== last) return wrong;
      const position = this.#next;
      this.#next += EMPTY_APPEND_BYTES;
      return { is: 'success', revision: Math.max(last, 0), position };
    }
    if (typeof at === 'number') {
      if (at < last) {
        const same = proposals.every(({ id }, i) => stream.events[at + 1 + i]?.id === id);
        if (same) return this.#repeated(stream, at + proposals.length);
        if (!(softDeleted && at === -1)) return wrong;
      }
      if (at > last) return wrong;
    } else {
      const known = proposals.map(({ id }) => idsOf(stream).get(id));
      if (known[0] !== undefined)
        return known.includes(undefined) ? wrong : this.#repeated(stream, known.at(-1) ?? 0);
    }
    const records = this.#write(name, proposals);
    if (softDeleted) this.#write(`$$${name}`, [this.#metadata(`{"$tb":${last + 1}}`)]);
    this.#tell();
    const written = records.at(-1);
    return { is: 'success', revision: written?.revision ?? 0, position: written?.position };
  }

  /** Hides all of a stream; it can be written again. */
  delete(name: string, expected: Expected): DeleteAnswer {
    const refused = this.#refuseDelete(name, expected, this.lastRevision(name) < 0);
    if (refused) return refused;
    return this.#deleted(this.#write(`$$${name}`, [this.#metadata(SOFT_DELETE)]));
  }

  /** Ends a stream for good; one that was never there too. */
  tombstone(name: string, expected: Expected): DeleteAnswer {
    const refused = this.#refuseDelete(name, expected, false);
    if (refused) return refused;
    const stream = this.#stream(name);
    stream.tombstoned = true;
    const { id } = this.#metadata('');
    const record = this.#record(name, Infinity, {
      id,
      type: '$streamDeleted',
      json: false,
      metadata: NOTHING,
      data: NOTHING,
    });
    return this.#deleted([record]);
  }

  /** The stream's events, from 0, hidden ones too; undefined where a reader is told that there is no such stream. */
  events(name: string): readonly StoredRecord[] | undefined {
    const stream = this.#streams.get(name);
    return stream && stream.events.length > 0 && stream.truncateBefore < SOFT_DELETED
      ? stream.events
      : undefined;
  }

  lastRevision(name: string): number {
    return (this.#streams.get(name)?.events.length ?? 0) - 1;
  }

  /** The first revision that readers of the stream see. */
  visibleFrom(name: string): number {
    const stream = this.#streams.get(name);
    if (!stream) return 0;
    if (name.startsWith('$$')) return stream.events.length - 1;
    let from = Math.max(stream.truncateBefore, stream.events.length - stream.maxCount);
    const oldest = this.now() - stream.maxAgeSeconds * 1000;
    while ((stream.events[from]?.created ?? Infinity) < oldest) from += 1;
    return from;
  }

  isTombstoned(name: string): boolean {
    return this.#isTombstoned(name);
  }

  /** The index in `records` of the first record at or after a position. */
  indexAt(position: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.records[middle]?.position ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #refuseDelete(name: string, expected: Expected, missing: boolean): DeleteAnswer | undefined {
    if (this.#isTombstoned(name)) return { is: 'deleted' };
    const last = this.lastRevision(name);
    const at = expected === 'no_stream' ? -1 : expected;
    return missing || (typeof at === 'number' && at !== last)
      ? { is: 'wrong_revision', current: last }
      : undefined;
  }

  #deleted(records: readonly StoredRecord[]): DeleteAnswer {
    this.#tell();
    return { is: 'success', position: records.at(-1)?.position ?? 0 };
  }

  #repeated(stream: Stream, revision: number): Answer {
    const record = stream.events[revision];
    const visible = record !== undefined && revision >= this.visibleFrom(record.stream);
    return { is: 'success', revision, position: visible ? record.position : undefined };
  }

  #isTombstoned(name: string): boolean {
    const own = this.#streams.get(name)?.tombstoned ?? false;
    return own || (name.startsWith('$$') && (this.#streams.get(name.slice(2))?.tombstoned ?? false));
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (!stream) this.#streams.set(name, (stream = emptyStream()));
    return stream;
  }

  #metadata(text: string): Proposal {
    this.#made += 1;
    return {
      id: `00000000-0000-8000-9000-${this.#made.toString(16).padStart(12, '0')}`,
      type: '$metadata',
      json: true,
      metadata: NOTHING,
      data: Buffer.from(text),
    };
  }

  #write(name: string, proposals: readonly Proposal[]): StoredRecord[] {
    const stream = this.#stream(name);
    const records = proposals.map((proposal) => {
      const record = this.#record(name, stream.events.length, proposal);
      stream.events.push(record);
      if (stream.ids && !stream.ids.has(record.id)) stream.ids.set(record.id, record.revision);
      return record;
    });
    if (name.startsWith('$$') && name !== '$$') this.#obey(name.slice(2), stream.events.at(-1));
    return records;
  }

  #record(name: string, revision: number, proposal: Proposal): StoredRecord {
    const position = this.#next;
    const { id, type, json, metadata, data } = proposal;
    const record = { stream: name, revision, id, type, json, metadata, data, position, created: this.now() };
    this.#next += RECORD_BYTES + name.length + type.length + metadata.byteLength + data.byteLength;
    this.records.push(record);
    return record;
  }

  /** What the last event of a metadata stream says of its stream. */
  #obey(name: string, record: StoredRecord | undefined): void {
    let says: Record<string, unknown> = {};
    try {
      says = JSON.parse(Buffer.from(record?.data ?? NOTHING).toString()) as Record<string, unknown>;
    } catch {
      // What is no JSON says nothing.
    }
    const number = (key: string, otherwise: number): number =>
      typeof says[key] === 'number' ? says[key] : otherwise;
    const stream = this.#stream(name);
    stream.truncateBefore = number('$tb', 0);
    stream.maxCount = number('$maxCount', Infinity);
    stream.maxAgeSeconds = number('$maxAge', Infinity);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const emptyStream = (): Stream => ({
  events: [],
  ids: undefined,
  tombstoned: false,
  truncateBefore: 0,
  maxCount: Infinity,
  maxAgeSeconds: Infinity,
});

const idsOf = (stream: Stream): Map<string, number> => {
  if (!stream.ids) {
    stream.ids = new Map();
    for (const { id, revision } of stream.events) if (!stream.ids.has(id)) stream.ids.set(id, revision);
  }
  return stream.ids;
};
