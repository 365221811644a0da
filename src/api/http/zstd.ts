import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/*
 * Decompressing zstd (RFC 8878) within a limit. libzstd does the work; what it may do is found out beforehand from the
 * headers of frames and blocks, which say how much a block can come to: a few bytes may be a gigabyte.
 */
const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES = 128 * 1024;
/** The largest window of the content coding (RFC 9659). */
const WINDOW_BYTES = 8 * 1024 * 1024;
/** Bytes that are made at most before the limit is looked at again. */
const STRETCH_BYTES = 1024 * 1024;

const RAW = 0;
const RUN = 1;
const COMPRESSED = 2;

/** What a body of zstd may come to. */
interface Survey {
  /** At least so many bytes, or it is not valid. */
  readonly least: number;
  /** At most so many, as libzstd counts when it makes room. */
  readonly most: number;
  /** Where it may be cut, so that each part comes to a stretch at most. */
  readonly cuts: readonly number[];
}

type ZstdOutcome =
  | { readonly outcome: 'decompressed'; readonly body: Buffer }
  | { readonly outcome: 'too_large' | 'undecodable' };

const undecodable: ZstdOutcome = { outcome: 'undecodable' };
const tooLarge: ZstdOutcome = { outcome: 'too_large' };

/** Decompresses a body of one or more frames, to a limit. Frames with a window above 8 MiB are not decoded. */
export const unzstd = async (received: Buffer, limit: number): Promise<ZstdOutcome> => {
  const survey = surveyOf(received);
  if (!survey) return undecodable;
  if (survey.least > limit) return tooLarge;
  // Loaded where it is needed: most senders use gzip.
  const { decompress, Decompressor } = await import('@cloudpss/zstd');
  const parts: Buffer[] = [];
  let length = 0;
  try {
    if (survey.most <= limit) return { outcome: 'decompressed', body: bufferOf(decompress(received)) };
    await pipeline(Readable.from(partsOf(received, survey.cuts)), new Decompressor(), async (made) => {
      for await (const part of made as AsyncIterable<Buffer>) {
        length += part.length;
        if (length > limit) throw new Error('The limit was reached.');
        parts.push(part);
      }
    });
    return { outcome: 'decompressed', body: Buffer.concat(parts, length) };
  } catch {
    return length > limit ? tooLarge : undecodable;
  }
};

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const partsOf = function* (bytes: Buffer, cuts: readonly number[]): Generator<Buffer> {
  let from = 0;
  for (const to of cuts) {
    yield bytes.subarray(from, to);
    from = to;
  }
};

/** Walks over frames and blocks without decompressing them; undefined where they are not whole. */
const surveyOf = (bytes: Buffer): Survey | undefined => {
  let least = 0;
  let most = 0;
  let stretch = 0;
  let at = 0;
  const cuts: number[] = [];
  while (at < bytes.length) {
    if (at + 8 > bytes.length) return undefined;
    const magic = bytes.readUInt32LE(at);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + bytes.readUInt32LE(at + 4);
      continue;
    }
    const frame = magic === MAGIC ? readFrameHeader(bytes, at) : undefined;
    if (!frame) return undefined;
    at = frame.blocks_at;
    let blocks = 0;
    let sure = 0;
    for (let last = false; !last; blocks += 1) {
      if (at + 3 > bytes.length) return undefined;
      const header = bytes.readUIntLE(at, 3);
      const type = (header >>> 1) & 3;
      const size = header >>> 3;
      if (type > COMPRESSED || size > BLOCK_BYTES) return undefined;
      const comes_to = type === COMPRESSED ? BLOCK_BYTES : size;
      if (stretch + comes_to > STRETCH_BYTES) {
        cuts.push(at);
        stretch = 0;
      }
      stretch += comes_to;
      if (type === RAW || type === RUN) sure += size;
      at += 3 + (type === RUN ? 1 : size);
      last = (header & 1) === 1;
    }
    at += frame.checksum_bytes;
    least += frame.content ?? sure;
    most += frame.content ?? blocks * Math.min(frame.window, BLOCK_BYTES);
  }
  cuts.push(bytes.length);
  return at === bytes.length ? { least, most, cuts } : undefined;
};

interface FrameHeader {
  readonly blocks_at: number;
  readonly window: number;
  /** Bytes that the frame says that it comes to; undefined: it does not say. */
  readonly content: number | undefined;
  readonly checksum_bytes: number;
}

const readFrameHeader = (bytes: Buffer, frame: number): FrameHeader | undefined => {
  const descriptor = bytes[frame + 4] ?? 0;
  const is_single = (descriptor & 0x20) !== 0;
  const size_flag = descriptor >>> 6;
  const size_bytes = size_flag === 0 ? Number(is_single) : 2 ** size_flag;
  const dictionary_bytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const size_at = frame + 5 + (is_single ? 0 : 1) + dictionary_bytes;
  const blocks_at = size_at + size_bytes;
  if ((descriptor & 0x08) !== 0 || blocks_at > bytes.length) return undefined;
  const content = size_bytes === 0 ? undefined : sizeAt(bytes, size_at, size_bytes);
  const window = is_single ? (content ?? 0) : windowOf(bytes[frame + 5] ?? 0);
  if (!is_single && window > WINDOW_BYTES) return undefined;
  return { blocks_at, window, content, checksum_bytes: (descriptor & 0x04) === 0 ? 0 : 4 };
};

const sizeAt = (bytes: Buffer, at: number, length: number): number => {
  if (length === 8) return Number(bytes.readBigUInt64LE(at));
  return bytes.readUIntLE(at, length) + (length === 2 ? 256 : 0);
};

const windowOf = (descriptor: number): number => {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
};
