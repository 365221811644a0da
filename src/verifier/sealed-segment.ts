import { crc32, inflateRawSync } from 'node:zlib';
import { ByteReader, UndecodableColumns } from '../domain/telemetry/column-codec/bytes.js';
import { EncodedLines } from '../domain/telemetry/column-codec/decode.js';
import { decodeIntegers } from '../domain/telemetry/column-codec/integers.js';
import type { Report } from './problem.js';
import { sha256, type FoundRecord, type Standing } from './raw-segment.js';

/**
 * A segment that was encoded anew, column by column (docs/integrity.md has the format). Its records are put together
 * again, and each must be what its leaf hash was made of: so nothing depends on how they are encoded.
 */
const HEADER_BYTES = 128;
const BLOCK_HEAD_BYTES = 8;
const ENTRY_BYTES = 56;
const LEAF_BYTES = 32;
const MAGIC = 0x6c735350;
/** In the second records may be dropped: their hashes are left. In the third events may be cut out of others. */
const VERSIONS = new Set([1, 2, 3]);

const compression = {
  compress: (): never => {
    throw new Error('a verifier writes nothing');
  },
  expand: (bytes: Uint8Array, length: number): Uint8Array =>
    inflateRawSync(bytes, { maxOutputLength: Math.max(1, length) }),
};

/** Whether the bytes are those of a sealed segment, whole or damaged. */
export const isSealedSegment = (bytes: Buffer): boolean =>
  bytes.length >= 4 && bytes.readUInt32LE(0) === MAGIC;

interface Block {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  readonly chain: Buffer;
}

/** Follows a sealed segment from where the one before ended. A block that cannot be read is passed over. */
export function* readSealedSegment(
  name: string,
  bytes: Buffer,
  standing: Standing,
  report: Report,
): Generator<FoundRecord, Standing> {
  const damaged = (offset: number, detail: string): void => {
    report({ code: 'damaged', segment: name, offset, detail });
  };
  const isWhole = bytes.length >= HEADER_BYTES && crc32(bytes.subarray(0, 124)) === bytes.readUInt32LE(124);
  if (!isWhole || !VERSIONS.has(bytes.readUInt32LE(4))) {
    damaged(
      0,
      isWhole
        ? 'the segment is of a version that is not known'
        : 'the header of the segment does not check out',
    );
    return standing;
  }
  const first = Number(bytes.readBigUInt64LE(8));
  const last = Number(bytes.readBigUInt64LE(16));
  const before = bytes.subarray(48, 80);
  const after = { number: last + 1, chain: Buffer.from(bytes.subarray(80, 112)) };
  if (first !== standing.number)
    report({
      code: first > standing.number ? 'missing' : 'misplaced',
      segment: name,
      offset: 0,
      records: [Math.min(first, standing.number), Math.max(first, standing.number) - 1],
      detail: `the segment begins with record ${first} where ${standing.number} is due`,
    });
  if (!before.equals(standing.chain))
    report({
      code: 'changed',
      segment: name,
      offset: 0,
      detail: 'the segment goes on from other records than those before it',
    });

  const directory = Number(bytes.readBigUInt64LE(32));
  const blocks = readDirectory(bytes, directory, bytes.readUInt32LE(40));
  if (!blocks) {
    damaged(directory, 'the directory of the segment does not check out');
    return after;
  }
  let number = first;
  let chain: Buffer = before;
  let offset = HEADER_BYTES;
  for (const block of blocks) {
    if (block.offset !== offset || block.number !== number)
      damaged(block.offset, 'a block stands elsewhere than it should');
    offset = block.offset + BLOCK_HEAD_BYTES + block.length;
    const head = bytes.subarray(block.offset, block.offset + BLOCK_HEAD_BYTES);
    const content = bytes.subarray(block.offset + BLOCK_HEAD_BYTES, offset);
    if (
      head.length < BLOCK_HEAD_BYTES ||
      content.length < block.length ||
      head.readUInt32LE(0) !== block.length ||
      head.readUInt32LE(4) !== crc32(content)
    ) {
      damaged(block.offset, 'a block does not check out');
    } else {
      const read = readBlock(content, block, (detail) => {
        damaged(block.offset, detail);
      });
      yield* checked(name, read.records, report);
      for (const leaves of read.commits) chain = sha256(Buffer.concat([chain, ...leaves]));
      if (!chain.equals(block.chain))
        report({
          code: 'changed',
          segment: name,
          offset: block.offset,
          records: [block.number, block.number + read.records.length - 1],
          detail: 'the records, or those before them, are not those of the chain',
        });
      number = block.number + read.records.length;
    }
    ({ chain } = block);
  }
  if (offset !== directory) damaged(offset, 'there is something between the last block and the directory');
  if (number !== after.number || !chain.equals(after.chain))
    damaged(directory, 'the segment ends elsewhere than it says');
  return after;
}

const readDirectory = (bytes: Buffer, at: number, count: number): readonly Block[] | undefined => {
  const end = at + count * ENTRY_BYTES;
  if (end + 4 !== bytes.length || crc32(bytes.subarray(at, end)) !== bytes.readUInt32LE(end))
    return undefined;
  return Array.from({ length: count }, (_, i) => {
    const entry = at + i * ENTRY_BYTES;
    return {
      number: Number(bytes.readBigUInt64LE(entry)),
      offset: Number(bytes.readBigUInt64LE(entry + 8)),
      length: bytes.readUInt32LE(entry + 16),
      chain: bytes.subarray(entry + 24, entry + ENTRY_BYTES),
    };
  });
};

/** A block's records, and the leaf hashes of each of its commits. */
interface ReadBlock {
  readonly records: readonly FoundRecord[];
  readonly commits: readonly (readonly Buffer[])[];
}

const readBlock = (
  content: Buffer,
  { number, offset }: Block,
  damaged: (detail: string) => void,
): ReadBlock => {
  try {
    const from = new ByteReader(content, compression);
    const integers = (count: number): Float64Array =>
      decodeIntegers(new ByteReader(from.sized(), compression), count);
    const count = from.varint();
    const commits = integers(from.varint());
    const leaves = Array.from({ length: count }, () => Buffer.from(from.take(LEAF_BYTES)));
    const lengths = integers(count);
    const heads = Buffer.from(from.blob());
    const lines = integers(count);
    const data: (Buffer | undefined)[] = [];
    for (let stripes = from.varint(); stripes > 0; stripes -= 1) {
      const first = data.length;
      const records = from.varint();
      const encoded = new EncodedLines(from.sized(), compression);
      let line = 0;
      for (let i = first; i < first + records; i += 1) {
        const own = lines[i] ?? 0;
        data.push(own > 0 ? encoded.lines(line, line + own) : undefined);
        line += own;
      }
    }
    const list = (): readonly number[] => [...integers(from.varint())];
    const dropped = new Set(from.left > 0 ? list() : []);
    const cut = new Map((from.left > 0 ? list() : []).map((i) => [i, list()]));
    let at = 0;
    const records = leaves.map((leaf, i): FoundRecord => {
      const head = heads.subarray(at, (at += lengths[i] ?? 0));
      if (dropped.has(i)) return { number: number + i, leaf, identity: head, offset };
      const own = data[i];
      const payload = own ? Buffer.concat([head, own]) : head;
      const gone = cut.get(i);
      return { number: number + i, leaf, payload, offset, ...(gone && { gone }) };
    });
    let next = 0;
    return { records, commits: Array.from(commits, (size) => leaves.slice(next, (next += size))) };
  } catch (error) {
    if (!(error instanceof UndecodableColumns || error instanceof RangeError || isZlibError(error)))
      throw error;
    damaged(`a block cannot be decoded: ${error.message}`);
    return { records: [], commits: [] };
  }
};

const isZlibError = (error: unknown): error is Error => error instanceof Error && 'errno' in error;

const ZERO = Buffer.of(0);

/** The records, each held against its leaf hash; those out of which events were cut are for others to judge. */
function* checked(
  name: string,
  records: readonly FoundRecord[],
  report: Report,
): Generator<FoundRecord, void> {
  for (const record of records) {
    const { payload, leaf, number, offset, gone } = record;
    if (payload && !gone && !sha256(Buffer.concat([ZERO, payload])).equals(leaf))
      report({
        code: 'changed',
        segment: name,
        offset,
        records: [number, number],
        detail: `record ${number} is not what was acknowledged`,
      });
    yield record;
  }
}
