import {
  isSought,
  type IndexCheckpoint,
  type IndexedCommit,
  type LogIndex,
  type RecordPlace,
  type RunPlace,
  type RunsSought,
  type StreamHead,
} from '../../src/eventstore/embedded/log-index.js';

/** The embedded store's index without a disk; what it holds can be taken along into a crash. */
export class MemoryLogIndex implements LogIndex {
  readonly commits: IndexedCommit[] = [];
  readonly #records = new Map<string, RecordPlace>();
  readonly #streams = new Map<string, StreamHead & { runs: RunPlace[] }>();

  constructor(commits: readonly IndexedCommit[] = []) {
    this.#take(commits);
  }

  checkpoint(): IndexCheckpoint | undefined {
    const last = this.commits.at(-1);
    return last && { number: last.number + last.count - 1, chain: last.chain };
  }

  stream(stream: Buffer): StreamHead | undefined {
    return this.#streams.get(stream.toString());
  }

  record(id: Buffer): RecordPlace | undefined {
    return this.#records.get(id.toString('hex'));
  }

  commit(number: number): IndexedCommit | undefined {
    return this.commits.findLast((commit) => commit.number <= number);
  }

  runs(stream: Buffer, from: number, limit: number): RunPlace[] {
    const runs = this.#streams.get(stream.toString())?.runs ?? [];
    return runs.filter(({ revision, count }) => revision + count > from).slice(0, limit);
  }

  runsUnder(sought: RunsSought): RunPlace[] {
    return [...this.#streams]
      .filter(([name]) => name.startsWith(sought.prefix.toString()))
      .flatMap(([, { runs }]) => runs)
      .filter((run) => isSought(run, sought));
  }

  write(commits: readonly IndexedCommit[]): Promise<void> {
    this.#take(commits);
    return Promise.resolve();
  }

  counts(): { streams: number; ids: number } {
    return { streams: this.#streams.size, ids: this.#records.size };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #take(commits: readonly IndexedCommit[]): void {
    for (const commit of commits) {
      this.commits.push(commit);
      for (const run of commit.runs) {
        const name = run.stream.toString();
        const { next, before, runs } = this.#streams.get(name) ?? { next: 0, before: 0, runs: [] };
        this.#streams.set(
          name,
          run.truncation
            ? { next, before: Math.max(before, run.revision), runs }
            : { next: run.revision + run.count, before, runs: [...runs, run] },
        );
        for (const [i, id] of run.ids.entries())
          this.#records.set(id.toString('hex'), { number: run.number + i, revision: run.revision + i });
      }
    }
  }
}
