import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode } from '../../platform/files.js';
import { LmdbWriteFailed } from '../../platform/lmdb.js';
import { LogCorrupt } from '../event-store.js';
import { HEADER_BYTES, readHeader } from './format.js';
import { LmdbIndex, type IndexCheckpoint, type IndexedCommit, type LogIndex } from './log-index.js';
import type { LogCursor } from './log-reader.js';
import { openForm } from './sealed/open-form.js';
import type { Segments } from './segments.js';

const BATCH_RECORDS = 20_000;

/**
 * Opens the index; one that cannot be opened is made again, for it can. LMDB takes its files on trust and a strange
 * one may end the process, so what is no LMDB file never reaches it; its own lock says nothing under ours.
 */
export const openLmdbIndex = async (directory: string): Promise<LogIndex> => {
  const path = join(directory, 'log.lmdb');
  await mkdir(directory, { recursive: true });
  await rm(`${path}-lock`, { force: true });
  if (!(await isLmdbFile(path))) await rm(path, { force: true });
  try {
    return LmdbIndex.open(path);
  } catch {
    await rm(path, { force: true });
    return LmdbIndex.open(path);
  }
};

/** LMDB's own mark in the first page, after the page header. */
const MAGIC_OFFSET = 24;
const LMDB_MAGIC = 0xbeefc0de;

const isLmdbFile = async (path: string): Promise<boolean> => {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, MAGIC_OFFSET);
    return bytesRead === 4 && buffer.readUInt32LE() === LMDB_MAGIC;
  } finally {
    await file.close();
  }
};

/**
 * Checks that the index was made from this log, and that no segment that it knows is missing: its last record, and
 * the last before each segment, stand in the log with the chain that is expected there.
 */
export const checkIndex = async (
  known: IndexCheckpoint,
  index: LogIndex,
  segments: Segments,
): Promise<void> => {
  const ends = segments.all
    .map(({ first, chain }) => ({ number: first - 1, chain }))
    .filter(({ number }) => number > 0 && number < known.number);
  for (const end of [...ends, known]) {
    if (await endsWith(end, index, segments)) continue;
    const name = segments.holding(end.number)?.name ?? '';
    throw notThere(name, index.commit(end.number)?.offset ?? 0, end.number);
  }
};

/** Whether a commit of the log ends with that record and that chain; it must be one that the index knows. */
export const endsWith = async (
  { number, chain }: IndexCheckpoint,
  index: LogIndex,
  segments: Segments,
): Promise<boolean> => {
  const segment = segments.holding(number);
  const offset = index.commit(number)?.offset ?? 0;
  if (!segment) throw new Error(`no segment holds record ${number}`);
  const form = await openForm(segments, segment);
  const file = 'sealed' in form ? form.sealed : form.raw;
  try {
    if ('sealed' in form) return (await form.sealed.chainAt(number))?.equals(chain) ?? false;
    const bytes = Buffer.alloc(HEADER_BYTES);
    await form.raw.read(bytes, offset);
    const header = readHeader(bytes, 0, 'commit', segment.salt);
    if (!header) return false;
    return header.number + header.count - 1 === number && header.chain.equals(chain);
  } finally {
    await file.close();
  }
};

const notThere = (segment: string, offset: number, number: number): LogCorrupt =>
  new LogCorrupt(
    segment,
    offset,
    `record ${number} is not where the index has it (if another log was put here on purpose, remove index/)`,
  );

/** Brings the index up to the end of the log. What there is no room for now is left for `later`. */
export const catchUp = async (
  cursor: Pick<LogCursor, 'read' | 'close'>,
  index: LogIndex,
  later: (commit: IndexedCommit) => void,
): Promise<void> => {
  let waiting: IndexedCommit[] = [];
  let records = 0;
  let room = true;
  const write = async (): Promise<void> => {
    room &&= await written(index, waiting);
    if (!room) waiting.forEach(later);
    waiting = [];
    records = 0;
  };
  try {
    for (let commits = await cursor.read(); commits.length > 0; commits = await cursor.read())
      for (const commit of commits) {
        if (commit.count === 0) continue;
        waiting.push(commit.forIndex());
        records += commit.count;
        if (records >= BATCH_RECORDS) await write();
      }
    await write();
  } finally {
    await cursor.close();
  }
};

/** Whether they could be written. */
const written = async (index: LogIndex, commits: readonly IndexedCommit[]): Promise<boolean> => {
  try {
    await index.write(commits);
    return true;
  } catch (error) {
    if (error instanceof LmdbWriteFailed) return false;
    throw error;
  }
};
