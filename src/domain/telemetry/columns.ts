import type { TelemetryEvent } from './event.js';
import { makeRouteMemo } from './route.js';

/** The values of one field over some events: each different text once, and for each event which of them. `''`: absent. */
export interface TextColumn {
  /** In the order in which they first occur. */
  readonly values: readonly string[];
  readonly ids: Uint16Array;
}

/** What folds read of events, a field at a time; all but their times, some of which are known when they are stored only. */
export interface EventColumns {
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

const routeFromPath = makeRouteMemo();

/** The route an event is shown under. */
export const routeOfEvent = (event: TelemetryEvent): string =>
  event.route ?? (event.path === undefined ? '' : routeFromPath(event.path));

class TextColumnBuilder implements TextColumn {
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

  upTo(count: number): TextColumn {
    return { values: this.values, ids: this.ids.subarray(0, count) };
  }
}

/** The most events that columns hold: texts are numbered with 16 bits. */
export const MAX_COLUMN_EVENTS = 65_536;

/** Collects the columns of events, one event after another. */
export class ColumnsBuilder {
  #count = 0;
  readonly #statuses: Uint16Array;
  readonly #durations: Float64Array;
  readonly #types: TextColumnBuilder;
  readonly #services: TextColumnBuilder;
  readonly #routes: TextColumnBuilder;
  readonly #methods: TextColumnBuilder;

  /** `room`: how many events there may be. */
  constructor(room: number) {
    this.#statuses = new Uint16Array(room);
    this.#durations = new Float64Array(room);
    this.#types = new TextColumnBuilder(room);
    this.#services = new TextColumnBuilder(room);
    this.#routes = new TextColumnBuilder(room);
    this.#methods = new TextColumnBuilder(room);
  }

  add(event: TelemetryEvent): void {
    const index = this.#count++;
    this.#statuses[index] = event.status_code ?? 0;
    this.#durations[index] = event.duration_ms ?? NaN;
    this.#types.set(index, event.type);
    this.#services.set(index, event.service ?? '');
    this.#routes.set(index, routeOfEvent(event));
    this.#methods.set(index, event.method ?? '');
  }

  /** Takes over the events of other columns from one up to another. */
  addFrom(columns: EventColumns, from: number, to: number): void {
    const at = this.#count;
    this.#statuses.set(columns.statuses.subarray(from, to), at);
    this.#durations.set(columns.durations.subarray(from, to), at);
    for (const [mine, { values, ids }] of [
      [this.#types, columns.types],
      [this.#services, columns.services],
      [this.#routes, columns.routes],
      [this.#methods, columns.methods],
    ] as const)
      for (let i = from; i < to; i += 1) mine.set(at + i - from, values[ids[i] ?? 0] ?? '');
    this.#count = at + to - from;
  }

  columns(): EventColumns {
    const count = this.#count;
    return {
      statuses: this.#statuses.subarray(0, count),
      durations: this.#durations.subarray(0, count),
      types: this.#types.upTo(count),
      services: this.#services.upTo(count),
      routes: this.#routes.upTo(count),
      methods: this.#methods.upTo(count),
    };
  }
}
