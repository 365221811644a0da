import type { EventId } from '../ids.js';
import { telemetryId } from './address.js';
import type { ChunkHeader } from './chunk-header.js';
import { timeOf, type TelemetryEvent } from './event.js';
import { makeRouteMemo } from './route.js';

/** The type of the store event that holds one chunk of telemetry. */
export const TELEMETRY_RECORDED = 'TelemetryRecorded';

/** What is needed of a store event to read the chunk in it. */
export interface StoredChunk {
  readonly id: EventId;
  readonly data: object;
  readonly metadata: { readonly chunk?: ChunkHeader };
}

/** The values of one field over a chunk: each different text once, and for each event which of them. `''`: absent. */
export interface TextColumn {
  readonly values: readonly string[];
  readonly ids: Uint16Array;
}

/**
 * A chunk's events, with the defaults applied that the log does not hold: the time of receipt where an event came
 * without one, and a route made from the path. Columns are for folding, events for showing and filtering.
 */
export interface TelemetryChunk {
  readonly id: EventId;
  readonly count: number;
  /** As received. */
  readonly events: readonly TelemetryEvent[];
  /** Epoch milliseconds. */
  readonly times: Float64Array;
  /** 0: the event has none. */
  readonly statuses: Uint16Array;
  /** Milliseconds; NaN: the event has none. */
  readonly durations: Float64Array;
  readonly types: TextColumn;
  readonly services: TextColumn;
  /** Given, or else made from the path. */
  readonly routes: TextColumn;
  readonly methods: TextColumn;
}

/** The most events that a chunk holds: a column numbers its texts with 16 bits. */
export const MAX_CHUNK_EVENTS = 20_000;

class ColumnBuilder implements TextColumn {
  readonly values: string[] = [];
  readonly ids: Uint16Array;
  readonly #known = new Map<string, number>();

  constructor(count: number) {
    this.ids = new Uint16Array(count);
  }

  set(index: number, value: string): void {
    let id = this.#known.get(value);
    if (id === undefined) {
      id = this.values.push(value) - 1;
      this.#known.set(value, id);
    }
    this.ids[index] = id;
  }
}

/** A stored chunk that does not hold what its header says. */
export class UnreadableChunk extends Error {
  constructor(chunk: StoredChunk, detail: string) {
    super(`The telemetry chunk ${chunk.id} cannot be read: ${detail}.`);
    this.name = 'UnreadableChunk';
  }
}

const headerOf = (stored: StoredChunk): ChunkHeader => {
  const header = stored.metadata.chunk;
  if (!header) throw new UnreadableChunk(stored, 'it has no header');
  return header;
};

const bytesOf = (stored: StoredChunk): Buffer => {
  const { data } = stored;
  if (!(data instanceof Uint8Array)) throw new UnreadableChunk(stored, 'its data are not binary');
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
};

/** The JSON texts of a chunk's events, as received. */
export const linesOf = (stored: StoredChunk): readonly string[] => {
  const lines = bytesOf(stored).toString().split('\n');
  const { count } = headerOf(stored);
  if (lines.length !== count)
    throw new UnreadableChunk(stored, `it has ${lines.length} events where its header says ${count}`);
  return lines;
};

/** The JSON texts of a chunk's last events, without looking at those before. */
export const lastLinesOf = (stored: StoredChunk, limit: number): readonly string[] => {
  const bytes = bytesOf(stored);
  let start = bytes.length;
  for (let found = 0; found < limit && start >= 0; found += 1)
    start = start === 0 ? -1 : bytes.lastIndexOf(0x0a, start - 1);
  return bytes.toString('utf8', start + 1).split('\n');
};

const routeFromPath = makeRouteMemo();

/** The route an event is shown under. */
const routeOfEvent = (event: TelemetryEvent): string =>
  event.route ?? (event.path === undefined ? '' : routeFromPath(event.path));

const decode = (stored: StoredChunk): TelemetryChunk => {
  const { received_at } = headerOf(stored);
  const lines = linesOf(stored);
  const count = lines.length;
  // The log holds only what ingest let through, and ingest lets through only what this type says.
  const events = lines.map((line) => JSON.parse(line) as TelemetryEvent);
  const times = new Float64Array(count);
  const statuses = new Uint16Array(count);
  const durations = new Float64Array(count);
  const types = new ColumnBuilder(count);
  const services = new ColumnBuilder(count);
  const routes = new ColumnBuilder(count);
  const methods = new ColumnBuilder(count);
  events.forEach((event, index) => {
    times[index] = timeOf(event.timestamp, received_at);
    statuses[index] = event.status_code ?? 0;
    durations[index] = event.duration_ms ?? NaN;
    types.set(index, event.type);
    services.set(index, event.service ?? '');
    routes.set(index, routeOfEvent(event));
    methods.set(index, event.method ?? '');
  });
  return { id: stored.id, count, events, times, statuses, durations, types, services, routes, methods };
};

const decoded = new WeakMap<StoredChunk, TelemetryChunk>();

/** Reads a chunk; once for each event object, however many projections and process managers look at it. */
export const decodeChunk = (stored: StoredChunk): TelemetryChunk => {
  const known = decoded.get(stored);
  if (known) return known;
  const chunk = decode(stored);
  decoded.set(stored, chunk);
  return chunk;
};

/** A telemetry event as the API shows it: as received, with the defaults and its address. */
export interface ShownEvent extends Omit<TelemetryEvent, 'timestamp' | 'id'> {
  readonly event_id: string;
  readonly recorded_at: string;
  /** The client's own id. */
  readonly id?: string;
  readonly timestamp: string;
  /** True where the route was made from the path. */
  readonly route_derived?: true;
}

/** One event as the API shows it. */
export const showEvent = (
  event: TelemetryEvent,
  stored: { readonly chunk: EventId; readonly index: number; readonly received_at: number },
  recorded_at: string,
): ShownEvent => {
  const route = routeOfEvent(event);
  const { timestamp, id, ...fields } = event;
  return {
    event_id: telemetryId(stored.chunk, stored.index),
    ...(id !== undefined && { id }),
    ...fields,
    timestamp: new Date(timeOf(timestamp, stored.received_at)).toISOString(),
    ...(event.route === undefined && event.path !== undefined && { route, route_derived: true as const }),
    recorded_at,
  };
};
