import type { OpenFile } from '../../platform/files.js';
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

const BLOCK_BYTES = 4 * 1024 * 1024;

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

/** One commit in a block: whole, damaged, or reaching beyond the block. */
export type Found = { commit: Commit } | { needs: number } | Pick<ScanEnd, 'found' | 'header'>;

/**
 * Reads commits one after another, a block at a time, and checks every byte of them. Gives those of each block
 * together, marks included.
 */
export async function* scanSegment(
  segment: Segment,
  file: OpenFile,
  range: ScanRange,
): AsyncGenerator<Commit[], ScanEnd> {
  let { from: offset, next } = range;
  let size = BLOCK_BYTES;
  while (offset < range.to) {
    // Of its own: events are views of it for as long as somebody holds them.
    const block = Buffer.allocUnsafeSlow(Math.min(size, range.to - offset));
    const length = await file.read(block, offset);
    const whole = offset + length >= range.to || length < block.length;
    const commits: Commit[] = [];
    let at = 0;
    let found: Found | undefined;
    while (at < length) {
      found = readCommit(segment, block.subarray(0, length), at, offset + at, next);
      if (!('commit' in found)) break;
      commits.push(found.commit);
      next = found.commit.last + 1;
      at += commitBytes(found.commit.bytes);
      found = undefined;
    }
    offset += at;
    if (commits.length > 0) yield commits;
    if (found && 'found' in found) return { offset, next, ...found };
    if (found && 'needs' in found) {
      if (whole && at + found.needs > length) return { offset, next, found: 'cut_off' };
      size = Math.max(BLOCK_BYTES, found.needs);
    } else {
      size = BLOCK_BYTES;
      if (length < block.length) break;
    }
  }
  return { offset, next, found: 'end' };
}

/** Reads the commit that starts at a place in a block, and checks every byte of it. */
export const readCommit = (
  segment: Segment,
  block: Buffer,
  at: number,
  offset: number,
  next: number,
): Found => {
  if (at + HEADER_BYTES > block.length) return { needs: HEADER_BYTES };
  const header = readHeader(block, at, 'commit', segment.salt);
  if (!header) return { found: isZero(block, at, at + HEADER_BYTES) ? 'zeros' : 'damaged_header' };
  if (header.number !== next || header.format !== segment.format) return { found: 'damaged_header' };
  const needs = commitBytes(header.length);
  if (at + needs > block.length) return { needs };
  const start = at + HEADER_BYTES;
  const starts = frameOffsets(block, start, header);
  if (!starts || !isZero(block, start + header.length, start + aligned(header.length)))
    return { found: 'damaged_commit', header };
  return { commit: new Commit(segment, offset, header, [{ bytes: block, starts, offset: offset - at }]) };
};
