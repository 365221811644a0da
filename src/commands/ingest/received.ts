import type { GivenIds } from '../../clientids/client-ids.js';
import type { ChunkHeader } from '../../domain/telemetry/chunk-header.js';
import type { PackedColumns } from '../../domain/telemetry/chunk.js';
import { ColumnsBuilder, type EventColumns } from '../../domain/telemetry/columns.js';
import { BytesInPieces } from '../../eventstore/event-store.js';
import { copyBytes } from '../../platform/copy-bytes.js';

const LF = 0x0a;

/** For one set of columns after another. */
const builder = new ColumnsBuilder();

/**
 * Events of one request that may be stored: event `i` is the bytes `starts[i]` to `ends[i]` of the body as received,
 * without a line break, and happened at `times[i]` (NaN: when it was received), by our clock.
 */
export interface Received {
  readonly body: Buffer;
  readonly starts: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
  readonly times: ArrayLike<number>;
  /** What the events' own times were corrected by; absent: nothing. */
  readonly time_offset_ms?: number;
  /** Made where many events come at once; absent, the chunk is parsed where it is read. */
  readonly columns?: EventColumns;
  /** Whose the events are stands in the body as pseudonyms. */
  readonly pseudonyms?: true;
  /** The clients' own ids; absent where no event has one. */
  readonly client_ids?: GivenIds;
}

/** Some of a request's events, next to one another: those from `from` up to `to`. */
export interface Piece {
  readonly received: Received;
  readonly from: number;
  readonly to: number;
  /** With a line break behind each event. */
  readonly bytes: number;
}

export interface ChunkLimits {
  /** Bytes of a chunk's data. EventStoreDB takes 1,048,576 in one append, metadata and framing included. */
  readonly bytes: number;
  readonly events: number;
}

/**
 * Cuts a request's events into pieces that fit a chunk. The cuts depend on the events alone, so that the same request
 * under the same key makes the same chunks again.
 */
export const cut = (received: Received, limits: ChunkLimits): readonly Piece[] => {
  const pieces: Piece[] = [];
  let from = 0;
  let bytes = 0;
  const count = received.starts.length;
  for (let i = 0; i < count; i += 1) {
    const size = (received.ends[i] ?? 0) - (received.starts[i] ?? 0) + 1;
    if (i > from && (bytes + size > limits.bytes || i - from >= limits.events)) {
      pieces.push({ received, from, to: i, bytes });
      from = i;
      bytes = 0;
    }
    bytes += size;
  }
  if (count > from) pieces.push({ received, from, to: count, bytes });
  return pieces;
};

/** A piece without those of its events that are marked in `left_out` (by 1, at their places in the request). */
export const without = (piece: Piece, left_out: Uint8Array): Piece => {
  const { received } = piece;
  const starts: number[] = [];
  const ends: number[] = [];
  const times: number[] = [];
  const columns = received.columns && builder.begin(piece.to - piece.from);
  let bytes = 0;
  let kept_from = piece.from;
  for (let i = piece.from; i < piece.to; i += 1) {
    if (left_out[i] === 1) {
      if (received.columns) columns?.addFrom(received.columns, kept_from, i);
      kept_from = i + 1;
      continue;
    }
    const start = received.starts[i] ?? 0;
    const end = received.ends[i] ?? 0;
    starts.push(start);
    ends.push(end);
    times.push(received.times[i] ?? NaN);
    bytes += end - start + 1;
  }
  if (received.columns) columns?.addFrom(received.columns, kept_from, piece.to);
  const { body, time_offset_ms, pseudonyms } = received;
  return {
    received: {
      ...{ body, starts, ends, times },
      ...(time_offset_ms !== undefined && { time_offset_ms }),
      ...(pseudonyms && { pseudonyms }),
      ...(columns && { columns: columns.columns() }),
    },
    from: 0,
    to: starts.length,
    bytes,
  };
};

/** The data of a chunk: its events' bytes as received, a line break between them. */
export const pack = (pieces: readonly Piece[]): BytesInPieces =>
  new BytesInPieces(pieces.reduce((sum, { bytes }) => sum + bytes, 0) - 1, (into, offset) => {
    let at = offset;
    for (const { received, from, to } of pieces) {
      const { body, starts, ends } = received;
      for (let i = from; i < to;) {
        // Events with one byte between them are copied in one go, and the byte (a comma, a line break) replaced.
        let last = i;
        while (last + 1 < to && starts[last + 1] === (ends[last] ?? 0) + 1) last += 1;
        const start = starts[i] ?? 0;
        const end = ends[last] ?? 0;
        if (at > offset) into[at - 1] = LF;
        copyBytes(body.subarray(start, end), into, at);
        for (; i < last; i += 1) into[at + (ends[i] ?? 0) - start] = LF;
        i += 1;
        at += end - start + 1;
      }
    }
  });

/** The earliest and the latest time of some events. */
export const timesOf = (
  pieces: readonly Piece[],
  received_at: number,
): Pick<ChunkHeader, 'min_time' | 'max_time'> => {
  let min_time = Infinity;
  let max_time = -Infinity;
  for (const { received, from, to } of pieces)
    for (let i = from; i < to; i += 1) {
      const given = received.times[i] ?? NaN;
      const time = Number.isNaN(given) ? received_at : given;
      if (time < min_time) min_time = time;
      if (time > max_time) max_time = time;
    }
  return { min_time, max_time };
};

/** The columns of a chunk made of these pieces; undefined where one of them has none. */
export const columnsOf = (pieces: readonly Piece[], received_at: number): PackedColumns | undefined => {
  if (!pieces.every(({ received }) => received.columns)) return undefined;
  const count = pieces.reduce((sum, { from, to }) => sum + to - from, 0);
  const times = new Float64Array(count);
  let at = 0;
  for (const { received, from, to } of pieces)
    for (let i = from; i < to; i += 1, at += 1) {
      const given = received.times[i] ?? NaN;
      times[at] = Number.isNaN(given) ? received_at : given;
    }
  const [only] = pieces;
  const whole = pieces.length === 1 && only?.received.times.length === count;
  if (whole) return only.received.columns && { ...only.received.columns, times };
  builder.begin(count);
  for (const { received, from, to } of pieces)
    if (received.columns) builder.addFrom(received.columns, from, to);
  return { ...builder.columns(), times };
};
