import type { Commit } from './commit.js';

/** What a parsed event takes besides its bytes, roughly. */
const PARSED_BYTES = 1_024;

const sizeOf = ({ bytes, count }: Commit): number => bytes + count * PARSED_BYTES;

/** So many commits, or of so many bytes, are read together at the most: memory that is lent is not kept by slow readers. */
const READ_COMMITS = 64;
const READ_BYTES = 4 * 1024 * 1024;

/**
 * The newest commits, kept in memory so that those who follow the log do not read the disk. Bounded by their size.
 * Holds the memory in which they stand as long as they are here.
 */
export class RecentCommits {
  #commits: Commit[] = [];
  #bytes = 0;

  constructor(private readonly limit: number) {}

  add(commit: Commit): void {
    for (const memory of commit.memory) memory.hold();
    this.#commits.push(commit);
    this.#bytes += sizeOf(commit);
    let gone = 0;
    for (const oldest of this.#commits) {
      if (this.#bytes <= this.limit) break;
      this.#left(oldest);
      gone += 1;
    }
    if (gone > 0) this.#commits = this.#commits.slice(gone);
  }

  /** Forgets what is up to a record: on the disk it is not what it was. */
  forget(upTo: number): void {
    const kept = this.#commits.findIndex(({ last }) => last > upTo);
    const gone = this.#commits.splice(0, kept < 0 ? this.#commits.length : kept);
    for (const commit of gone) this.#left(commit);
  }

  #left(commit: Commit): void {
    this.#bytes -= sizeOf(commit);
    for (const memory of commit.memory) memory.release();
  }

  /** The next commits from the one that holds a record on; undefined where it is not kept any more. */
  from(number: number): readonly Commit[] | undefined {
    const i = this.#indexOf(number);
    if (i < 0) return undefined;
    let bytes = 0;
    const next = this.#commits.slice(i, i + READ_COMMITS);
    const enough = next.findIndex((commit) => (bytes += commit.bytes) >= READ_BYTES);
    return enough < 0 ? next : next.slice(0, enough + 1);
  }

  holding(number: number): Commit | undefined {
    return this.#commits[this.#indexOf(number)];
  }

  #indexOf(number: number): number {
    let low = 0;
    let high = this.#commits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#commits[middle]?.number ?? Infinity) <= number) low = middle + 1;
      else high = middle;
    }
    return (this.#commits[low - 1]?.last ?? 0) >= number ? low - 1 : -1;
  }
}
