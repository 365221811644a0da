import {
  isSought,
  type IndexedCommit,
  type IndexedRun,
  type LogIndex,
  type RecordPlace,
  type RunPlace,
  type RunsSought,
  type StreamHead,
} from './log-index.js';

/** An append under way: where its frames are in the segment becomes known when its commit is made. */
export type Run = { -readonly [K in keyof IndexedRun]: IndexedRun[K] };

interface Head extends StreamHead {
  /** The number of the last record that had a part in it; 0 where the index alone says so. */
  readonly number: number;
}

interface StreamTail {
  head: Head;
  runs: Run[];
}

/**
 * What the log holds, or is about to hold, and the index does not yet: the index is written behind the appends,
 * but an append must know of every one before it. Asked first; where it is silent the index has the answer.
 */
export class Unindexed {
  readonly #records = new Map<string, RecordPlace>();
  readonly #streams = new Map<string, StreamTail>();
  #commits: IndexedCommit[] = [];

  constructor(private readonly index: LogIndex) {}

  record(id: Buffer): RecordPlace | undefined {
    return this.#records.get(keyOf(id)) ?? this.index.record(id);
  }

  /** A stream's head with everything that is under way. */
  stream(stream: Buffer): Head {
    return this.#streams.get(keyOf(stream))?.head ?? this.#indexedHead(stream);
  }

  /** A stream's runs up to a record, in order, from the one that holds a revision. */
  runs(stream: Buffer, from: number, limit: number, durable: number): RunPlace[] {
    const indexed = this.index.runs(stream, from, limit);
    const last = indexed.at(-1);
    const start = last ? last.revision + last.count : from;
    const newer = (this.#streams.get(keyOf(stream))?.runs ?? []).filter(
      (run) => !run.truncation && run.revision + run.count > start && run.number <= durable,
    );
    return [...indexed, ...newer].slice(0, limit);
  }

  /** See {@link LogIndex.runsUnder}; up to a record, in the log's order. */
  runsUnder(sought: RunsSought, limit: number, durable: number): RunPlace[] | undefined {
    const indexed = this.index.runsUnder(sought, limit);
    if (!indexed) return undefined;
    const found = new Map(indexed.map((run) => [run.number, run]));
    const name = keyOf(sought.prefix);
    for (const [stream, { runs }] of this.#streams)
      if (stream.startsWith(name))
        for (const run of runs)
          if (!run.truncation && run.number <= durable && isSought(run, sought)) found.set(run.number, run);
    return [...found.values()].sort((one, other) => one.number - other.number);
  }

  /** The commit that holds a record, or the last before it. */
  commit(number: number): { readonly number: number; readonly offset: number } | undefined {
    for (let i = this.#commits.length - 1; i >= 0; i -= 1) {
      const commit = this.#commits[i];
      if (commit && commit.number <= number) return commit;
    }
    return this.index.commit(number);
  }

  /** An append is under way. */
  begin(run: Run): void {
    for (const [i, id] of run.ids.entries())
      this.#records.set(keyOf(id), { number: run.number + i, revision: run.revision + i });
    const name = keyOf(run.stream);
    const tail = this.#streams.get(name) ?? { head: this.#indexedHead(run.stream), runs: [] };
    tail.head = headAfter(tail.head, run);
    tail.runs.push(run);
    this.#streams.set(name, tail);
  }

  /** A commit of runs that began is durable. */
  committed(commit: IndexedCommit): void {
    this.#commits.push(commit);
  }

  /** Takes back what is under way after a record and will not become durable. */
  dropAfter(number: number): void {
    for (const [id, record] of this.#records) if (record.number > number) this.#records.delete(id);
    for (const [name, tail] of this.#streams) {
      const [first] = tail.runs;
      tail.runs = tail.runs.filter((run) => run.number <= number);
      if (!first || tail.runs.length === 0) this.#streams.delete(name);
      else tail.head = tail.runs.reduce(headAfter, this.#indexedHead(first.stream));
    }
  }

  /** The index has taken in the oldest of the commits. */
  indexed(commits: readonly IndexedCommit[]): void {
    this.#commits = this.#commits.slice(commits.length);
    const last = commits.at(-1);
    if (!last) return;
    const upTo = last.number + last.count - 1;
    const names = new Set<string>();
    for (const commit of commits)
      for (const run of commit.runs) {
        names.add(keyOf(run.stream));
        for (const id of run.ids) this.#records.delete(keyOf(id));
      }
    for (const name of names) {
      const tail = this.#streams.get(name);
      if (!tail) continue;
      tail.runs = tail.runs.filter((run) => run.number > upTo);
      if (tail.runs.length === 0) this.#streams.delete(name);
    }
  }

  #indexedHead(stream: Buffer): Head {
    return { ...(this.index.stream(stream) ?? { next: 0, before: 0 }), number: 0 };
  }
}

const keyOf = (bytes: Buffer): string => bytes.toString('latin1');

const headAfter = ({ next, before }: Head, run: Run): Head => ({
  next: run.truncation ? next : run.revision + run.count,
  before: run.truncation ? Math.max(before, run.revision) : before,
  number: run.number + run.count - 1,
});
