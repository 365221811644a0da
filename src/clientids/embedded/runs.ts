import { openSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '../../eventstore/event-store.js';
import type { First } from '../client-ids.js';
import { HASH_WORDS, type HashKey } from './hash.js';
import { ID_WORDS, type RecentIds } from './id-table.js';
import { Run } from './run.js';
import type { NewRun, RunFiles } from './run-files.js';

const NAME = /^([0-9]{12})\.ids$/;

/** Ids in a run that smaller ones are merged into, at most. */
const LARGEST_RUN = 524_288;
/** A new run takes in the last one while that is not so many times as large. */
const MERGE_RATIO = 2;
/** Memory for filters; the oldest runs go without. */
const FILTER_BYTES = 64 * 1024 * 1024;

/** The ids on disk, in runs. Crash-safe by order alone: a run counts once it has its name, and what it replaces goes after. */
export class Runs {
  #next: number;

  private constructor(
    private readonly directory: string,
    private readonly files: RunFiles,
    /** The oldest first. */
    private runs: readonly Run[],
  ) {
    this.#next = (runs.at(-1)?.number ?? 0) + 1;
    this.#boundFilters();
  }

  /** Opens the runs in a directory, or makes it. Where one of them is damaged, all are thrown away: they can be made again. */
  static async open(directory: string, files: RunFiles): Promise<Runs> {
    await mkdir(directory, { recursive: true, mode: 0o750 });
    const names = (await readdir(directory)).sort();
    const runs: Run[] = [];
    for (const name of names) {
      const path = join(directory, name);
      const number = Number(NAME.exec(name)?.[1] ?? 0);
      const read = number > 0 ? await files.read(path) : undefined;
      if (read) runs.push(new Run(number, path, read, openSync(path, 'r')));
      else await rm(path);
      // What has no run's name was being written when a process ended.
      if (read || number === 0) continue;
      for (const run of runs) run.close();
      for (const other of names) await rm(join(directory, other), { force: true });
      return new Runs(directory, files, []);
    }
    return new Runs(directory, files, runs);
  }

  /** The secret of the hashes in the runs; undefined where there is no run. */
  get key(): HashKey | undefined {
    return this.runs.at(-1)?.header.key;
  }

  /** Up to this position all ids of the log are in the runs. */
  get checkpoint(): Position | undefined {
    return this.runs.at(-1)?.header.checkpoint;
  }

  get count(): number {
    return this.runs.length;
  }

  /** The event of the hash at `at` that was recorded after a time. */
  find(hashes: Uint32Array, at: number, after: number): First | undefined {
    for (let i = this.runs.length - 1; i >= 0; i -= 1) {
      const found = this.runs[i]?.find(hashes, at, after);
      if (found) return found;
    }
    return undefined;
  }

  /**
   * Looks the hashes of some ids up in memory: 1 for each that may be here and was recorded after a time. Of the others
   * it is sure. One run after another for all ids: what the processor waits for, it then waits for at once.
   */
  mayHold(hashes: Uint32Array, after: number): Uint8Array {
    const marks = new Uint8Array(hashes.length / HASH_WORDS);
    for (const run of this.runs) if (run.header.newest > after) run.mark(hashes, marks);
    return marks;
  }

  /** Adds a run of ids, durably, and takes in small ones before it; what was recorded up to a time is left out. */
  async add(recent: RecentIds, header: Pick<NewRun, 'key' | 'checkpoint'>, after: number): Promise<void> {
    const merged: Run[] = [];
    let count = recent.ids.length / ID_WORDS;
    for (const run of [...this.runs].reverse()) {
      const { count: more } = run.header;
      if (more > count * MERGE_RATIO || count + more > LARGEST_RUN) break;
      merged.unshift(run);
      count += more;
    }
    const number = this.#next;
    const path = join(this.directory, `${String(number).padStart(12, '0')}.ids`);
    const { key, checkpoint } = header;
    const older = merged.map((run) => run.path);
    const made = await this.files.make({ path, recent, merged: older, most: count, key, checkpoint, after });
    this.#next += 1;
    const gone = new Set(merged);
    for (const old of this.runs) if (old.header.newest <= after) gone.add(old);
    this.runs = [
      ...this.runs.filter((old) => !gone.has(old)),
      new Run(number, path, made, openSync(path, 'r')),
    ];
    this.#boundFilters();
    for (const old of gone) {
      old.close();
      await rm(old.path);
    }
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    const { runs } = this;
    this.runs = [];
    for (const run of runs) {
      run.close();
      await rm(run.path);
    }
  }

  close(): void {
    for (const run of this.runs) run.close();
    this.runs = [];
  }

  #boundFilters(): void {
    let bytes = 0;
    for (const run of [...this.runs].reverse()) {
      bytes += run.filter_bytes;
      if (bytes > FILTER_BYTES) run.dropFilter();
    }
  }
}
