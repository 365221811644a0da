import type { EventId } from '../ids.js';
import type { ChunkHeader, Receipt } from './chunk-header.js';
import type { LineRange } from './column-codec/decode.js';
import { lineStarts } from './line-starts.js';

export const LF = 0x0a;

/** The type of the store event that holds one chunk of telemetry. */
export const TELEMETRY_RECORDED = 'TelemetryRecorded';

/** What is needed of a store event to read the chunk in it. */
export interface StoredChunk {
  readonly id: EventId;
  readonly data: object;
  readonly metadata: { readonly chunk?: ChunkHeader };
  /** The lines that the data are, where they are stored in columns. */
  readonly lines?: LineRange;
  /**
   * The numbers in the chunk, ascending, of the events that are here, where others are set aside or were cut out. The
   * header's count and bytes are those of the events here, its times are bounds.
   */
  readonly kept?: readonly number[];
}

/** The number in its chunk of an event that is the n-th here. */
export const numberIn = ({ kept }: Pick<StoredChunk, 'kept'>, n: number): number => kept?.[n] ?? n;

/** The most events that a chunk holds. */
export const MAX_CHUNK_EVENTS = 20_000;

/** A stored chunk that does not hold what its header says. */
export class UnreadableChunk extends Error {
  constructor(chunk: StoredChunk, detail: string) {
    super(`The telemetry chunk ${chunk.id} cannot be read: ${detail}.`);
    this.name = 'UnreadableChunk';
  }
}

/** A chunk's header; every chunk that the log holds has one. */
export const headerOf = (stored: StoredChunk): ChunkHeader => {
  const header = stored.metadata.chunk;
  if (!header) throw new UnreadableChunk(stored, 'it has no header');
  return header;
};

/** By what the times of a chunk's events are read. */
export const receiptOf = ({ metadata: { chunk } }: StoredChunk): Receipt => {
  const { received_at = 0, time_offset_ms } = chunk ?? {};
  return time_offset_ms === undefined ? { received_at } : { received_at, time_offset_ms };
};

/** The bytes of a chunk's events: one JSON text a line, as received. */
export const bytesOf = (stored: StoredChunk): Buffer => {
  const { data } = stored;
  if (!(data instanceof Uint8Array)) throw new UnreadableChunk(stored, 'its data are not binary');
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
};

/** The bytes of the JSON texts of a chunk's events, without the line breaks between them. */
export const textBytesOf = (stored: StoredChunk): number => {
  const { bytes, count } = headerOf(stored);
  return bytes ?? bytesOf(stored).length - (count - 1);
};

/** The JSON texts of a chunk's events, as received. */
export const linesOf = (stored: StoredChunk): readonly string[] => {
  const lines = bytesOf(stored).toString().split('\n');
  const { count } = headerOf(stored);
  if (lines.length !== count)
    throw new UnreadableChunk(stored, `it has ${lines.length} events where its header says ${count}`);
  return lines;
};

/** The bytes of a chunk's last events, without looking at those before. */
const lastBytesOf = (stored: StoredChunk, limit: number): Buffer => {
  if (stored.lines) return stored.lines.bytes(limit);
  const bytes = bytesOf(stored);
  let start = bytes.length;
  for (let found = 0; found < limit && start >= 0; found += 1)
    start = start === 0 ? -1 : bytes.lastIndexOf(LF, start - 1);
  return bytes.subarray(start + 1);
};

/** The JSON texts of a chunk's last events. */
export const lastLinesOf = (stored: StoredChunk, limit: number): readonly string[] =>
  lastBytesOf(stored, limit).toString().split('\n');

/**
 * A chunk that can be kept: of what is stored as it was received the last events alone are there, in memory of their
 * own. The header is that of all of them.
 */
export const withLastLines = <C extends StoredChunk>(stored: C, limit: number): C =>
  stored.lines ? stored : { ...stored, data: Buffer.from(lastBytesOf(stored, limit)) };

const withoutColumns = <C extends StoredChunk>(stored: C): C => {
  const copy: { -readonly [F in keyof C]: C[F] } = { ...stored };
  delete copy.lines;
  return copy;
};

/** A chunk without some of its events, by their numbers in it; undefined where none is left. */
export const withoutLines = <C extends StoredChunk>(
  stored: C,
  numbers: ReadonlySet<number>,
): C | undefined => {
  const header = headerOf(stored);
  // Of what was cut out of the log nothing is here, though it is set aside for good.
  if (stored.kept && !stored.kept.some((number) => numbers.has(number))) return stored;
  const kept: number[] = [];
  const texts = bytesOf(stored)
    .toString('latin1')
    .split('\n')
    .filter((_text, n) => {
      const stays = !numbers.has(numberIn(stored, n));
      if (stays) kept.push(numberIn(stored, n));
      return stays;
    });
  if (kept.length === 0) return undefined;
  const data = Buffer.from(texts.join('\n'), 'latin1');
  return {
    ...withoutColumns(stored),
    data,
    metadata: { ...stored.metadata, chunk: lessHeader(header, kept.length, data.length) },
    kept,
  };
};

/** A chunk's header where so many of its events are there, of so many bytes with the line breaks between them. */
export const lessHeader = (header: ChunkHeader, count: number, bytes: number): ChunkHeader => ({
  ...header,
  count,
  ...(header.bytes !== undefined && { bytes: bytes - (count - 1) }),
});

const starts = new WeakMap<StoredChunk, Uint32Array>();

/** Where the lines of a chunk that is stored as it was received begin, and where one more would. */
export const startsOf = (stored: StoredChunk): Uint32Array => {
  const known = starts.get(stored);
  if (known) return known;
  const found = lineStarts(bytesOf(stored));
  starts.set(stored, found);
  return found;
};

/** The JSON texts of some of a chunk's events, by the numbers of their lines in ascending order. */
export const pickLines = (stored: StoredChunk, numbers: readonly number[]): readonly string[] => {
  if (stored.lines) return stored.lines.pick(numbers);
  const bytes = bytesOf(stored);
  const starts = startsOf(stored);
  return numbers.map((number) => bytes.toString('utf8', starts[number], (starts[number + 1] ?? 0) - 1));
};
