import type { OpenFile } from '../../platform/files.js';
import { LogCorrupt } from '../event-store.js';
import { commitBytes, HEADER_BYTES, isZero, readHeader, SECTOR_BYTES } from './format.js';
import { scanSegment, type ScanEnd } from './scan.js';
import type { SegmentFile } from './segment-file.js';
import { writeZeros, type Segment } from './segments.js';

/** Where the next commit goes. */
export interface Tail {
  readonly segment: Segment;
  readonly file: SegmentFile;
  /** Of the segment's file: from the offset on it holds zeros. */
  readonly size: number;
  readonly offset: number;
  /** The number of the record to come. */
  readonly next: number;
  readonly chain: Buffer;
  /** Whether something on disk says that the last commit was flushed. */
  readonly marked: boolean;
}

/** What a crash left unfinished and opening took away: never anything that was acknowledged. */
export interface TornTail {
  readonly segment: string;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Finds the end of the last segment. A write that a crash tore apart is cut off; anything else that does not check
 * out throws LogCorrupt.
 *
 * What a crash can leave, by how commits are written (format.ts): at most one unflushed commit, at the end, of which
 * each disk sector is either written or still as it was, zero behind the last commit that was flushed, and by which the
 * file may have grown or not. So damage is torn
 * only where nothing valid follows it, where nobody knows the commit as flushed (`known`: the last record that the
 * index holds), and where at least one sector of the commit is all zeros or beyond the end of the file. A header that
 * is neither whole nor zero is never torn.
 */
export const recoverTail = async (
  segment: Segment,
  appended: SegmentFile,
  known: number,
): Promise<{ tail: Tail; torn?: TornTail }> => {
  const file = appended.cached;
  const size = await file.size();
  let chain = segment.chain;
  let marked = true;
  let last = { offset: HEADER_BYTES, bytes: 0 };
  const scan = scanSegment(segment, file, { from: HEADER_BYTES, to: size, next: segment.first });
  let step = await scan.next();
  for (; !step.done; step = await scan.next())
    for (const commit of step.value) {
      chain = commit.header.chain;
      marked = commit.count === 0;
      if (commit.count > 0) last = { offset: commit.offset, bytes: commitBytes(commit.bytes) };
    }
  const end = step.value;
  const corrupt = (detail: string): LogCorrupt => new LogCorrupt(segment.name, end.offset, detail);

  const tornBytes = await findTorn(segment, file, size, end);
  if (typeof tornBytes === 'string') throw corrupt(tornBytes);
  if (end.next <= known) throw corrupt(`it ends before record ${known}, which was acknowledged`);
  if (tornBytes > 0) {
    await writeZeros(file, end.offset, end.offset + tornBytes);
    await file.flush();
  }
  // A commit that nobody vouches for may be in memory only: a flush that failed leaves it so. Written again it is
  // flushed for certain, and the bytes stay what they are.
  if (!marked) await writeAgain(file, last.offset, last.bytes);
  return {
    tail: { segment, file: appended, size, offset: end.offset, next: end.next, chain, marked },
    ...(tornBytes > 0 && { torn: { segment: segment.name, offset: end.offset, bytes: tornBytes } }),
  };
};

/** How many bytes after the end a torn write left, or why it is no torn write. */
const findTorn = async (
  segment: Segment,
  file: OpenFile,
  size: number,
  end: ScanEnd,
): Promise<number | string> => {
  switch (end.found) {
    case 'end':
      return 0;
    case 'damaged_header':
      return 'a commit header does not check out';
    case 'cut_off':
      return size - end.offset;
    case 'zeros':
      return tornWithoutHeader(segment, file, size, end);
    case 'damaged_commit': {
      if (!end.header) return 'a commit does not check out';
      const bytes = commitBytes(end.header.length);
      const after = Buffer.alloc(HEADER_BYTES);
      await file.read(after, end.offset + bytes);
      if (!isZero(after)) return 'a commit does not check out, and another one follows';
      return (await hasUnwrittenSector(file, end.offset, bytes))
        ? bytes
        : 'a commit does not check out, and all of it was written';
    }
  }
};

/** The first sector of a torn write may be missing while later ones are there. */
const tornWithoutHeader = async (
  segment: Segment,
  file: OpenFile,
  size: number,
  end: ScanEnd,
): Promise<number | string> => {
  const block = Buffer.alloc(Math.min(1024 * 1024, size - end.offset));
  let torn = 0;
  for (let offset = end.offset; offset < size; offset += block.length) {
    const length = await file.read(block, offset);
    if (isZero(block, 0, length)) continue;
    for (let at = 0; at < length; at += HEADER_BYTES) {
      const stop = Math.min(at + HEADER_BYTES, length);
      if (isZero(block, at, stop)) continue;
      torn = offset + stop - end.offset;
      const header = readHeader(block, at, 'commit', segment.salt);
      if (header && header.number >= end.next) return 'a commit is missing where another one follows';
    }
  }
  return torn;
};

const hasUnwrittenSector = async (file: OpenFile, offset: number, bytes: number): Promise<boolean> => {
  const content = Buffer.alloc(bytes);
  await file.read(content, offset);
  const first = SECTOR_BYTES - (offset % SECTOR_BYTES);
  for (let at = first; at < bytes; at += SECTOR_BYTES)
    if (isZero(content, at, Math.min(at + SECTOR_BYTES, bytes))) return true;
  return false;
};

const writeAgain = async (file: OpenFile, offset: number, bytes: number): Promise<void> => {
  const content = Buffer.alloc(bytes);
  await file.read(content, offset);
  await file.write(content, offset);
  await file.flush();
};
