import type { EventId } from '../ids.js';
import type { ChunkHeader, Receipt } from './chunk-header.js';
import { foldLines } from './column-codec/events.js';
import type { EventColumns, TextColumn } from './columns.js';
import type { TelemetryEvent } from './event.js';
import { shownRoutes, type RouteColumn, type Routing } from './routes/shown.js';
import { EventScanner } from './scan/event-scanner.js';
import {
  LF,
  type StoredChunk,
  UnreadableChunk,
  headerOf,
  receiptOf,
  bytesOf,
  linesOf,
  startsOf,
} from './stored-chunk.js';
import { timeOf } from './time.js';
import type { Durations } from './weight.js';

/**
 * A chunk's events, with the defaults applied that the log does not hold: the time of receipt where an event came
 * without one, and a route made from the path. Columns are for folding, events for showing and filtering.
 */
export interface TelemetryChunk extends Omit<EventColumns, 'paths'> {
  readonly id: EventId;
  readonly count: number;
  /** Given, or else made from the path. */
  readonly routes: RouteColumn;
  /** As received. */
  readonly events: readonly TelemetryEvent[];
  /** Epoch milliseconds. */
  readonly times: Float64Array;
}

/** What folds read of a chunk. */
export type FoldedChunk = Omit<TelemetryChunk, 'id' | 'events'>;

// The log holds only what ingest let through, and ingest lets through only what this type says.
const parseLine = (line: string): TelemetryEvent => JSON.parse(line) as TelemetryEvent;

/** The columns stay as long as the chunk's event does; the events themselves, twenty times as large, do not. */
class ReadChunk {
  #events: WeakRef<readonly TelemetryEvent[]> | undefined;
  #shown: { readonly routing: Routing; readonly chunk: TelemetryChunk } | undefined;

  constructor(
    readonly stored: StoredChunk,
    readonly columns: PackedColumns,
  ) {}

  get events(): readonly TelemetryEvent[] {
    const known = this.#events?.deref();
    if (known) return known;
    const events = linesOf(this.stored).map(parseLine);
    this.#events = new WeakRef(events);
    return events;
  }

  /** The chunk with the routes that its paths have; the last ones are kept, because all who follow the log ask for the same. */
  under(routing: Routing): TelemetryChunk {
    if (this.#shown?.routing !== routing) this.#shown = { routing, chunk: new ShownChunk(this, routing) };
    return this.#shown.chunk;
  }
}

class ShownChunk implements TelemetryChunk {
  readonly id: EventId;
  readonly count: number;
  readonly times: Float64Array;
  readonly statuses: Uint16Array;
  readonly durations: Float64Array;
  readonly types: TextColumn;
  readonly services: TextColumn;
  readonly routes: RouteColumn;
  readonly methods: TextColumn;
  readonly weights?: Float64Array;
  readonly aggregates?: ReadonlyMap<number, Durations>;

  constructor(
    private readonly read: ReadChunk,
    routing: Routing,
  ) {
    const { stored, columns } = read;
    this.id = stored.id;
    this.count = columns.times.length;
    ({
      times: this.times,
      statuses: this.statuses,
      durations: this.durations,
      types: this.types,
      services: this.services,
      methods: this.methods,
    } = columns);
    this.routes = shownRoutes(columns, routing);
    if (columns.weights) this.weights = columns.weights;
    if (columns.aggregates) this.aggregates = columns.aggregates;
  }

  get events(): readonly TelemetryEvent[] {
    return this.read.events;
  }
}

const scanner = new EventScanner();

const columnsOf = (events: readonly TelemetryEvent[], receipt: Receipt): PackedColumns => {
  const times = new Float64Array(events.length);
  const columns = scanner.columns.begin(events.length);
  events.forEach((event, index) => {
    times[index] = timeOf(event.timestamp, receipt);
    columns.add(event);
  });
  return { ...columns.columns(), times };
};

/** The columns of events that are stored in columns; undefined where they are not. */
const storedColumns = (stored: StoredChunk): PackedColumns | undefined => {
  const { lines } = stored;
  if (!lines) return undefined;
  const { count } = headerOf(stored);
  if (lines.count !== count)
    throw new UnreadableChunk(stored, `it has ${lines.count} events where its header says ${count}`);
  const columns = scanner.columns.begin(count);
  const times = foldLines(lines, columns, receiptOf(stored));
  return { ...columns.columns(), times };
};

/** Makes a chunk's columns of what is stored of it. */
export const readColumns = (stored: StoredChunk): PackedColumns =>
  storedColumns(stored) ?? scannedColumns(stored, (bytes, count) => scanner.begin(bytes, count));

/** The same of a chunk whose bytes can be {@link EventScanner.beginWhereTheyStand scanned where they stand}. */
export const columnsInPlace = (stored: StoredChunk): PackedColumns =>
  scannedColumns(stored, (bytes, count) => scanner.beginWhereTheyStand(bytes, count));

/** Makes columns of a chunk's bytes; lines that the scanner does not take are parsed. */
const scannedColumns = (
  stored: StoredChunk,
  begin: (bytes: Uint8Array, count: number) => void,
): PackedColumns => {
  const bytes = bytesOf(stored);
  const header = headerOf(stored);
  const { count, received_at, time_offset_ms = 0 } = header;
  const times = new Float64Array(count);
  let lines: readonly string[] | undefined;
  begin(bytes, count);
  let start = 0;
  for (let index = 0; index < count; index += 1) {
    let end = scanner.scan(start);
    if (end >= 0 && (end === bytes.length || bytes[end] === LF) && !scanner.broken_line) {
      scanner.keep();
      times[index] = Number.isNaN(scanner.time) ? received_at : scanner.time + time_offset_ms;
    } else {
      lines ??= linesOf(stored);
      const event = parseLine(lines[index] ?? '');
      scanner.columns.add(event);
      times[index] = timeOf(event.timestamp, header);
      end = bytes.indexOf(LF, start);
      if (end < 0) end = bytes.length;
    }
    start = end + 1;
  }
  // Says how many there are instead.
  if (start !== bytes.length + 1) linesOf(stored);
  return { ...scanner.columns.columns(), times };
};

/** What this process has packed itself and not yet read back, the oldest first. */
const packed = new Map<EventId, { readonly header: ChunkHeader; readonly columns: PackedColumns }>();

const PACKED_CHUNKS = 256;

/** The columns of a chunk that is about to be stored. */
export interface PackedColumns extends EventColumns {
  readonly times: Float64Array;
}

/**
 * Keeps the columns that were made when a chunk's events were checked, so that it need not be parsed again where it
 * is read next. A chunk is what its bytes and its header say, so nobody can see a difference.
 */
export const keepColumns = (id: EventId, header: ChunkHeader, columns: PackedColumns): void => {
  packed.set(id, { header, columns });
  if (packed.size <= PACKED_CHUNKS) return;
  for (const oldest of packed.keys()) {
    packed.delete(oldest);
    return;
  }
};

/** An id may come again, for a repeated request; the producer's running number tells which packing a record is. */
const takeColumns = (stored: StoredChunk): PackedColumns | undefined => {
  const kept = packed.get(stored.id);
  if (!kept) return undefined;
  packed.delete(stored.id);
  const { producer, first_sequence, count, received_at } = headerOf(stored);
  const same =
    kept.header.producer === producer &&
    kept.header.first_sequence === first_sequence &&
    kept.header.count === count &&
    kept.header.received_at === received_at;
  return same ? kept.columns : undefined;
};

const decoded = new WeakMap<StoredChunk, ReadChunk>();

/** Hands in a chunk's columns, as {@link readColumns} made them elsewhere: it need not be read here any more. */
export const giveColumns = (stored: StoredChunk, columns: PackedColumns): void => {
  if (!decoded.has(stored)) decoded.set(stored, new ReadChunk(stored, columns));
};

/** Reads a chunk; once for each event object, however many projections and process managers look at it. */
const readChunk = (stored: StoredChunk): ReadChunk => {
  const known = decoded.get(stored);
  if (known) return known;
  const chunk = new ReadChunk(stored, takeColumns(stored) ?? readColumns(stored));
  decoded.set(stored, chunk);
  return chunk;
};

/** A chunk with the routes that its paths have. */
export const decodeChunk = (stored: StoredChunk, routing: Routing): TelemetryChunk =>
  readChunk(stored).under(routing);

/** The paths of a chunk's events that came without a route. */
export const decodePaths = (stored: StoredChunk): TextColumn => readChunk(stored).columns.paths;

/** The columns of some of a chunk's events, by the numbers of their lines in ascending order. */
const columnsAt = (stored: StoredChunk, numbers: readonly number[]): PackedColumns => {
  if (stored.lines) {
    const columns = scanner.columns.begin(numbers.length);
    const times = foldLines(stored.lines, columns, receiptOf(stored), numbers);
    return { ...columns.columns(), times };
  }
  const bytes = bytesOf(stored);
  const starts = startsOf(stored);
  const header = headerOf(stored);
  const { received_at, time_offset_ms = 0 } = header;
  const times = new Float64Array(numbers.length);
  scanner.begin(bytes, numbers.length);
  numbers.forEach((number, index) => {
    const start = starts[number] ?? 0;
    const end = (starts[number + 1] ?? 0) - 1;
    if (scanner.scan(start) === end && !scanner.broken_line) {
      scanner.keep();
      times[index] = Number.isNaN(scanner.time) ? received_at : scanner.time + time_offset_ms;
    } else {
      const event = parseLine(bytes.toString('utf8', start, end));
      scanner.columns.add(event);
      times[index] = timeOf(event.timestamp, header);
    }
  });
  return { ...scanner.columns.columns(), times };
};

/** What folds read of a chunk's columns. */
export const foldedChunk = ({ paths, routes, ...columns }: PackedColumns, routing: Routing): FoldedChunk => ({
  count: columns.times.length,
  ...columns,
  routes: shownRoutes({ routes, paths }, routing),
});

/** What the columns say of some of a chunk's events, by the numbers of their lines in ascending order. */
export const chunkAt = (
  stored: StoredChunk,
  numbers: readonly number[],
  routing: Routing,
): Omit<TelemetryChunk, 'events'> => ({
  id: stored.id,
  ...foldedChunk(columnsAt(stored, numbers), routing),
});

/** A chunk of some events' JSON texts alone. */
export const chunkOfLines = (
  id: EventId,
  lines: readonly string[],
  receipt: Receipt,
  routing: Routing,
): TelemetryChunk => {
  const events = lines.map(parseLine);
  const { paths, routes, ...columns } = columnsOf(events, receipt);
  return { id, count: events.length, events, ...columns, routes: shownRoutes({ routes, paths }, routing) };
};
