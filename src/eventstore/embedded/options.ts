import type { Clock } from '../../platform/clock.js';
import type { Files } from '../../platform/files.js';
import type { Random } from '../../platform/random.js';
import { DirectoryLock, type Lock } from '../../platform/directory-lock.js';
import { commitBytes, HEADER_BYTES } from './format.js';
import type { Layout } from './layout.js';
import type { MemoryPool } from './lent-memory.js';
import type { LogIndex } from './log-index.js';

export interface EmbeddedOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** The size at which a segment is full. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** The most that one append may take, stored. Default 16 MiB, at most a segment. */
  readonly maxAppendBytes?: number;
  /**
   * By how much a small write that has to grow the segment's file grows it: flushes are faster where the file need
   * not grow. Default 256 KiB, at most 1 MiB.
   */
  readonly roomBytes?: number;
  /** From so many bytes on a commit is written past the page cache. Default 64 KiB. */
  readonly directBytes?: number;
  /** How much of the newest events is kept in memory. Default 32 MiB. */
  readonly recentBytes?: number;
  /** Where large appends stand in memory, instead of a pool of the log's own. */
  readonly memory?: MemoryPool;
  /** How many full segments may wait to be sealed while much is appended. Default 64. */
  readonly unsealedSegments?: number;
  /** How many commits' leaf hashes wait in memory for somebody to ask for the tree. Default 16,384. */
  readonly treeCommits?: number;
  /** The compiled log-worker.js, for checksums and hashes in other threads. Absent: everything is done in this one. */
  readonly threads?: URL;
  /** The compiled sealing-worker.js, to seal segments in a thread of its own. Absent: it is done in this one. */
  readonly sealing?: URL;
  /** The compiled sift-worker.js, to look through chunks in threads of their own. Absent: it is done in this one. */
  readonly sifting?: URL;
  /** Instead of the one in LMDB. */
  readonly index?: LogIndex;
  /** Instead of the one in the file system. */
  readonly lock?: Lock;
}

const MIB = 1024 * 1024;
const SEGMENT_BYTES = 64 * MIB;
const MAX_APPEND_BYTES = 16 * MIB;
const ROOM_BYTES = MIB / 4;
const RECENT_BYTES = 32 * MIB;
const UNSEALED_SEGMENTS = 64;
const TREE_COMMITS = 16_384;

export interface Limits {
  readonly segmentBytes: number;
  readonly maxAppendBytes: number;
  readonly roomBytes: number;
  readonly recentBytes: number;
  readonly unsealedSegments: number;
  readonly treeCommits: number;
}

/** The sizes that hold. Throws a RangeError where an append might not fit into a segment. */
export const limitsOf = ({
  segmentBytes = SEGMENT_BYTES,
  maxAppendBytes = MAX_APPEND_BYTES,
  roomBytes = ROOM_BYTES,
  recentBytes = RECENT_BYTES,
  unsealedSegments = UNSEALED_SEGMENTS,
  treeCommits = TREE_COMMITS,
}: EmbeddedOptions): Limits => {
  if (HEADER_BYTES + commitBytes(maxAppendBytes) > segmentBytes)
    throw new RangeError(`a segment of ${segmentBytes} bytes has no room for an append of ${maxAppendBytes}`);
  return { segmentBytes, maxAppendBytes, roomBytes, recentBytes, unsealedSegments, treeCommits };
};

/** There is no log in this directory. */
export class LogNotInitialised extends Error {
  constructor(directory: string) {
    super(`there is no log in ${directory}: initialise it first`);
    this.name = 'LogNotInitialised';
  }
}

/** Another process has this log open. */
export class LogInUse extends Error {
  constructor(directory: string) {
    super(`another process has the log in ${directory} open`);
    this.name = 'LogInUse';
  }
}

/** Takes the directory's lock. Throws LogInUse. */
export const takeLock = async (layout: Layout, { lock }: EmbeddedOptions): Promise<Lock> => {
  const taken = lock ?? (await DirectoryLock.take(layout.lock));
  if (!taken) throw new LogInUse(layout.root);
  return taken;
};
