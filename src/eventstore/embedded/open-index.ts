import { rm } from 'node:fs/promises';
import { LogCorrupt } from '../event-store.js';
import { HEADER_BYTES, readHeader } from './format.js';
import { LmdbIndex, type IndexCheckpoint, type IndexedCommit, type LogIndex } from './log-index.js';
import type { LogCursor } from './log-reader.js';
import type { Segments } from './segments.js';

const BATCH_RECORDS = 20_000;

/** Opens the index; one that cannot be opened is made again, for it can. */
export const openLmdbIndex = async (directory: string): Promise<LogIndex> => {
  try {
    return LmdbIndex.open(directory);
  } catch {
    await rm(directory, { recursive: true, force: true });
    return LmdbIndex.open(directory);
  }
};

/** Checks that the index was made from this log: that its last record stands in the log with the same chain. */
export const checkIndex = async (
  { number, chain }: IndexCheckpoint,
  index: LogIndex,
  segments: Segments,
): Promise<void> => {
  const segment = segments.holding(number);
  const commit = index.commit(number);
  if (!segment || !commit)
    throw new Error('the index has no place for its own last record: remove it to have it made again');
  const file = await segments.open(segment, 'read');
  try {
    const bytes = Buffer.alloc(HEADER_BYTES);
    await file.read(bytes, commit.offset);
    const header = readHeader(bytes, 0, 'commit', segment.salt);
    if (header && header.number + header.count - 1 === number && header.chain.equals(chain)) return;
    throw new LogCorrupt(
      segment.name,
      commit.offset,
      `record ${number} is not the one that the index was made from (if another log was put here on purpose, remove index/)`,
    );
  } finally {
    await file.close();
  }
};

/** Brings the index up to the end of the log. */
export const catchUp = async (cursor: Pick<LogCursor, 'read' | 'close'>, index: LogIndex): Promise<void> => {
  let waiting: IndexedCommit[] = [];
  let records = 0;
  const write = async (): Promise<void> => {
    await index.write(waiting);
    waiting = [];
    records = 0;
  };
  for (let commits = await cursor.read(); commits.length > 0; commits = await cursor.read())
    for (const commit of commits) {
      if (commit.count === 0) continue;
      waiting.push(commit.forIndex());
      records += commit.count;
      if (records >= BATCH_RECORDS) await write();
    }
  await write();
};
