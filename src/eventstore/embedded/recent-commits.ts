import type { Commit } from './commit.js';

/** What a parsed event takes besides its bytes, roughly. */
const PARSED_BYTES = 1_024;

const sizeOf = ({ bytes, count }: Commit): number => bytes + count * PARSED_BYTES;

/** The newest commits, kept in memory so that those who follow the log do not read the disk. Bounded by their size. */
export class RecentCommits {
  #commits: Commit[] = [];
  #bytes = 0;

  constructor(private readonly limit: number) {}

  add(commit: Commit): void {
    this.#commits.push(commit);
    this.#bytes += sizeOf(commit);
    let gone = 0;
    for (const oldest of this.#commits) {
      if (this.#bytes <= this.limit) break;
      this.#bytes -= sizeOf(oldest);
      gone += 1;
    }
    if (gone > 0) this.#commits = this.#commits.slice(gone);
  }

  /** Forgets what is up to a record: on the disk it is not what it was. */
  forget(upTo: number): void {
    const kept = this.#commits.findIndex(({ last }) => last > upTo);
    const gone = this.#commits.splice(0, kept < 0 ? this.#commits.length : kept);
    for (const commit of gone) this.#bytes -= sizeOf(commit);
  }

  /** The commits from the one that holds a record on; undefined where it is not kept any more. */
  from(number: number): readonly Commit[] | undefined {
    const i = this.#indexOf(number);
    return i < 0 ? undefined : this.#commits.slice(i, i + 64);
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
