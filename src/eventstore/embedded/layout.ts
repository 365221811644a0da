import { join } from 'node:path';

/** Where things are in a data directory. Segments stand alone in `log`: what is there is the truth, all the rest is not. */
export interface Layout {
  readonly root: string;
  readonly log: string;
  /** Can be made again from the log. */
  readonly index: string;
  /** The Merkle tree's hashes; a part of the index. */
  readonly tree: string;
  /** What texts sealed segments may hold; a part of the index. */
  readonly filters: string;
  /** A segment that is being made; worth nothing after a restart. */
  readonly unfinished: string;
  /** A full segment that is being encoded anew; worth nothing after a restart. */
  readonly sealing: string;
  /** Held while a process has the log open. */
  readonly lock: string;
}

export const layoutOf = (directory: string): Layout => ({
  root: directory,
  log: join(directory, 'log'),
  index: join(directory, 'index'),
  tree: join(directory, 'index', 'tree'),
  filters: join(directory, 'index', 'text-filters'),
  unfinished: join(directory, 'next-segment'),
  sealing: join(directory, 'sealing-segment'),
  lock: join(directory, 'lock'),
});

/** A segment is named by the running number of its first record. */
export const segmentName = (first: number): string => `${first.toString(16).padStart(16, '0')}.segment`;

export const firstNumberOf = (name: string): number | undefined =>
  /^[0-9a-f]{16}\.segment$/.test(name) ? Number.parseInt(name.slice(0, 16), 16) : undefined;
