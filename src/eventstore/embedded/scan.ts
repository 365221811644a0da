import type { OpenFile } from '../../platform/files.js';
import type { Room } from '../event-store.js';
import { Commit } from './commit.js';
import {
  aligned,
  commitBytes,
  frameOffsets,
  HEADER_BYTES,
  isZero,
  readHeader,
  type Header,
} from './format.js';
import type { Segment } from './segments.js';

/** So much stays in a core's cache from reading over checksum to hash: a quarter of the time against 4 MiB. */
const BLOCK_BYTES = 1024 * 1024;
/** For who gives the memory, and has others look at it: the commit at a block's end is read twice, so fewer ends. */
export const LARGE_BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Why a scan came to its end: at the end asked for or of the file, before unwritten room, or before damage; `cut_off`
 * is a commit of which the file holds the beginning only.
 */
export interface ScanEnd {
  readonly offset: number;
  readonly found: 'end' | 'zeros' | 'cut_off' | 'damaged_header' | 'damaged_commit';
  /** Of a damaged commit. */
  readonly header?: Header;
  /** The number of the record to come. */
  readonly next: number;
}

/** Whether a scan ended before something that is no commit and no room either. */
export const isDamage = (found: ScanEnd['found']): boolean => found !== 'end' && found !== 'zeros';

export interface ScanRange {
  /** Where a commit starts. */
  readonly from: number;
  /** The end of a commit, or of the file. */
  readonly to: number;
  /** The number of the first record at `from`. */
  readonly next: number;
}

/** Of its own for each block: events are views of it for as long as somebody holds them. */
const ofItsOwn: Room = (bytes) => Buffer.allocUnsafeSlow(bytes);

/** The same two by turns, for who is done with a block's commits when he asks for the next ones. */
export const byTurns = (): Room => {
  const kept = [Buffer.alloc(0), Buffer.alloc(0)];
  let turn = 0;
  return (bytes) => {
    turn = 1 - turn;
    const room = kept[turn];
    if (room && room.length >= bytes) return room.subarray(0, bytes);
    return (kept[turn] = Buffer.allocUnsafeSlow(bytes));
  };
};

/**
 * Reads commits one after another, a block at a time, and checks every byte of them. Gives those of each block
 * together, marks included. The next block is read while one is checked and used.
 */
export async function* scanSegment(
  segment: Segment,
  file: OpenFile,
  { from, to, next: first }: ScanRange,
  room: Room = ofItsOwn,
  bytes = BLOCK_BYTES,
): AsyncGenerator<Commit[], ScanEnd> {
  let offset = from;
  let next = first;
  let reading = readBlock(file, from, bytes, to, room);
  for (;;) {
    const { block, isLast } = await reading;
    const { headers, behind } = headersIn(segment, block, next);
    const stop = isLast || 'found' in behind;
    if (!stop) reading = readBlock(file, offset + behind.at, Math.max(bytes, behind.needs), to, room);
    const commits: Commit[] = [];
    for (const { at, header } of headers) {
      const commit = readCommit(segment, block, at, offset + at, header);
      if (!commit) {
        if (commits.length > 0) yield commits;
        return { offset: offset + at, next: header.number, found: 'damaged_commit', header };
      }
      commits.push(commit);
      next = commit.last + 1;
    }
    offset += behind.at;
    if (commits.length > 0) yield commits;
    if ('found' in behind) return { offset, next, found: behind.found };
    if (stop) return { offset, next, found: behind.needs > 0 ? 'cut_off' : 'end' };
  }
}

interface Block {
  readonly block: Buffer;
  /** Whether it reaches to the end asked for, or of the file. */
  readonly isLast: boolean;
}

const readBlock = (file: OpenFile, from: number, bytes: number, to: number, room: Room): Promise<Block> => {
  const size = Math.max(0, Math.min(bytes, to - from));
  const block = room(size);
  const read = file
    .read(block, from)
    .then((length) => ({ block: block.subarray(0, length), isLast: length < size || from + size >= to }));
  // A failure shows when the block is wanted, which it may never be.
  read.catch(() => undefined);
  return read;
};

/** The headers of the commits that a block holds whole, and what comes behind them. */
const headersIn = (segment: Segment, block: Buffer, next: number): HeadersIn => {
  const headers: { at: number; header: Header }[] = [];
  let at = 0;
  for (let number = next; at < block.length;) {
    const header = headerAt(segment, block, at, number);
    if ('found' in header) return { headers, behind: { at, found: header.found } };
    const needs = 'needs' in header ? header.needs : commitBytes(header.length);
    if ('needs' in header || at + needs > block.length) return { headers, behind: { at, needs } };
    headers.push({ at, header });
    number += header.count;
    at += needs;
  }
  return { headers, behind: { at, needs: 0 } };
};

interface HeadersIn {
  readonly headers: readonly { readonly at: number; readonly header: Header }[];
  /** Where it is, and that it is no commit, or how many bytes it takes at least. */
  readonly behind: { readonly at: number } & (
    { readonly needs: number } | { readonly found: 'zeros' | 'damaged_header' }
  );
}

/** The header of the commit that starts at a place in a block, or that there is none, or that more bytes are needed. */
export const headerAt = (
  segment: Segment,
  block: Buffer,
  at: number,
  next: number,
): Header | { readonly needs: number } | { readonly found: 'zeros' | 'damaged_header' } => {
  if (at + HEADER_BYTES > block.length) return { needs: HEADER_BYTES };
  const header = readHeader(block, at, 'commit', segment.salt);
  if (!header) return { found: isZero(block, at, at + HEADER_BYTES) ? 'zeros' : 'damaged_header' };
  return header.number === next && header.format === segment.format ? header : { found: 'damaged_header' };
};

/** Reads a commit that a block holds whole; undefined where a byte of it is not what was written. */
export const readCommit = (
  segment: Segment,
  block: Buffer,
  at: number,
  offset: number,
  header: Header,
): Commit | undefined => {
  const start = at + HEADER_BYTES;
  const starts = frameOffsets(block, start, header);
  if (!starts || !isZero(block, start + header.length, start + aligned(header.length))) return undefined;
  return new Commit(segment, offset, header, [{ bytes: block, starts, offset: offset - at }]);
};
