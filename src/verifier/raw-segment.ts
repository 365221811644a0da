import { hash } from 'node:crypto';
import { checksums, type Checksum } from './checksum.js';
import type { Report } from './problem.js';

/**
 * A segment as it was written (docs/integrity.md has the format): a header, then commits, each a header and frames. This
 * reader shares no line with the server's, and takes nothing on trust that a checksum or hash could tell.
 */
const HEADER_BYTES = 64;
const FRAME_BYTES = 16;
const SEGMENT_MAGIC = 0x67735350;
const COMMIT_MAGIC = 0x6d635350;

export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** A record as it stands in a segment. */
export interface FoundRecord {
  readonly number: number;
  /** Its leaf hash. */
  readonly leaf: Buffer;
  /** Undefined where it was dropped; where events were cut out of it what is left. */
  readonly payload?: Buffer;
  /** The numbers of the events that were cut out. */
  readonly gone?: readonly number[];
  /** Of a record that was dropped what is left besides its hash: what says which one it was. */
  readonly identity?: Buffer;
  readonly offset: number;
}

/** How far the log has been followed: what is due next. */
export interface Standing {
  /** The number of the record to come. */
  readonly number: number;
  /** SHA-256 over all leaf hashes so far, commit by commit. */
  readonly chain: Buffer;
}

interface Header {
  readonly number: number;
  readonly count: number;
  readonly length: number;
  readonly chain: Buffer;
  readonly salt: number;
  readonly checksum: Checksum;
}

/** A header, where there is one that checks out. */
const readHeader = (bytes: Buffer, at: number, magic: number, salt?: number): Header | undefined => {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== magic) return undefined;
  const checksum = checksums.get(bytes.readUInt32LE(at + 4));
  const found = bytes.readUInt32LE(at + 56);
  if (!checksum || (salt !== undefined && salt !== found)) return undefined;
  if (checksum(bytes.subarray(at, at + 60), found) !== bytes.readUInt32LE(at + 60)) return undefined;
  return {
    number: Number(bytes.readBigUInt64LE(at + 8)),
    count: bytes.readUInt32LE(at + 16),
    length: bytes.readUInt32LE(at + 20),
    chain: bytes.subarray(at + 24, at + 56),
    salt: found,
    checksum,
  };
};

const aligned = (length: number): number => Math.ceil(length / HEADER_BYTES) * HEADER_BYTES;

const isZero = (bytes: Buffer, from = 0, to = bytes.length): boolean => {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) return false;
  return true;
};

/** The header of a segment, where the bytes begin with one. */
export const segmentHeader = (bytes: Buffer): Header | undefined => readHeader(bytes, 0, SEGMENT_MAGIC);

/**
 * Where the frame at an offset ends, before `stop`; says what is wrong with it. Undefined where it has no end there.
 * The CRC covers all but the frame's first eight bytes; its length decides what the CRC is held against.
 */
export const readFrame = (
  bytes: Buffer,
  at: number,
  stop: number,
  checksum: Checksum,
  report: (detail: string, offset: number) => void,
): number | undefined => {
  const end = at + FRAME_BYTES > stop ? Infinity : at + FRAME_BYTES + bytes.readUInt32LE(at);
  if (end > stop) {
    report('a record has another length than it says', at);
    return undefined;
  }
  if (checksum(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4))
    report('the checksum of a record does not hold', at);
  else if (!isZero(bytes, at + 8, at + FRAME_BYTES)) report('a record is of a kind that is not known', at);
  return end;
};

/** A commit's records, and what follows it. */
interface Commit {
  readonly header: Header;
  readonly records: readonly FoundRecord[];
  readonly end: number;
}

/** Reads the commit at an offset; undefined where there is none. Says of one that does not check out what is wrong. */
export const readCommit = (
  bytes: Buffer,
  at: number,
  salt: number,
  report: (detail: string, offset: number) => void,
): Commit | undefined => {
  const header = readHeader(bytes, at, COMMIT_MAGIC, salt);
  if (!header) return undefined;
  const start = at + HEADER_BYTES;
  const stop = start + header.length;
  const end = start + aligned(header.length);
  const records: FoundRecord[] = [];
  if (stop > bytes.length) report('the file ends in the middle of a commit', at);
  let next: number | undefined = stop > bytes.length ? undefined : start;
  for (let i = 0; i < header.count && next !== undefined; i += 1) {
    const close = readFrame(bytes, next, stop, header.checksum, report);
    if (close === undefined) break;
    const leaf = sha256(bytes.subarray(next + FRAME_BYTES - 1, close));
    records.push({
      number: header.number + i,
      leaf,
      payload: bytes.subarray(next + FRAME_BYTES, close),
      offset: next,
    });
    next = close;
  }
  if (records.length === header.count && next !== stop)
    report('a commit has more bytes than its records', next ?? stop);
  if (!isZero(bytes, stop, Math.min(end, bytes.length)))
    report('there is something between two commits', stop);
  return { header, records, end };
};

/** Follows a segment from where the one before ended. Goes on behind what is damaged, with the next whole commit. */
export function* readRawSegment(
  name: string,
  bytes: Buffer,
  standing: Standing,
  report: Report,
  live: boolean,
): Generator<FoundRecord, Standing> {
  const segment = segmentHeader(bytes);
  const salt = segment?.salt;
  if (!segment)
    report({
      code: 'damaged',
      segment: name,
      offset: 0,
      detail: 'the header of the segment does not check out',
    });
  let { number, chain } = standing;
  if (segment && segment.number !== number)
    report({
      code: segment.number > number ? 'missing' : 'misplaced',
      segment: name,
      offset: 0,
      records: [Math.min(number, segment.number), Math.max(number, segment.number) - 1],
      detail: `the segment begins with record ${segment.number} where ${number} is due`,
    });
  if (segment && !segment.chain.equals(chain))
    report({
      code: 'changed',
      segment: name,
      offset: 0,
      detail: 'the segment goes on from other records than those before it',
    });
  if (segment) ({ number, chain } = segment);

  for (let at = HEADER_BYTES; at < bytes.length && salt !== undefined;) {
    const damage: { readonly detail: string; readonly offset: number }[] = [];
    const commit = readCommit(bytes, at, salt, (detail, offset) => damage.push({ detail, offset }));
    // It may not be written to its end yet.
    if (live && damage.length > 0 && nextCommit(bytes, commit?.end ?? at, salt) === undefined) break;
    for (const one of damage) report({ code: 'damaged', segment: name, ...one });
    if (!commit) {
      const next = nextCommit(bytes, at + HEADER_BYTES, salt);
      if (next === undefined) {
        if (!live && !isZero(bytes, at))
          report({
            code: 'damaged',
            segment: name,
            offset: at,
            detail: 'what stands behind the last commit is none',
          });
        break;
      }
      report({ code: 'damaged', segment: name, offset: at, detail: 'a commit does not check out' });
      at = next;
      continue;
    }
    const { header, records, end } = commit;
    if (header.number !== number)
      report({
        code: header.number > number ? 'missing' : 'misplaced',
        segment: name,
        offset: at,
        records: [Math.min(number, header.number), Math.max(number, header.number) - 1],
        detail: `record ${header.number} stands where ${number} is due`,
      });
    yield* records;
    if (header.count > 0) chain = sha256(Buffer.concat([chain, ...records.map(({ leaf }) => leaf)]));
    if (!header.chain.equals(chain))
      report({
        code: 'changed',
        segment: name,
        offset: at,
        records: [header.number, Math.max(header.number, header.number + header.count - 1)],
        detail: 'the records, or those before them, are not those of the chain',
      });
    // What follows is held against what it was made to follow.
    ({ chain } = header);
    number = header.number + header.count;
    at = end;
  }
  return { number, chain: Buffer.from(chain) };
}

/** Where the next whole commit header stands. */
const nextCommit = (bytes: Buffer, from: number, salt: number): number | undefined => {
  for (let at = from; at + HEADER_BYTES <= bytes.length; at += HEADER_BYTES)
    if (readHeader(bytes, at, COMMIT_MAGIC, salt)) return at;
  return undefined;
};
