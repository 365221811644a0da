import type { TelemetryEvent } from './event.js';
import { makeRouteMemo } from './route.js';
import { isWeighted, weightOf, type Durations } from './weight.js';

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
  /** As given. */
  readonly routes: TextColumn;
  /** Of the events without a route, which one is made from when they are read; the empty path is `/`. */
  readonly paths: TextColumn;
  readonly methods: TextColumn;
  /** How many requests each event stands for; absent: one each. */
  readonly weights?: Float64Array;
  /** The durations of events that have several, by index; there only where there are such, and weights with them. */
  readonly aggregates?: ReadonlyMap<number, Durations>;
}

const pathWithoutRoute = ({ route, path }: TelemetryEvent): string =>
  route !== undefined || path === undefined ? '' : path || '/';

const routeFromPath = makeRouteMemo();

/** The route an event is shown under: its own, or else one made from the path. */
export const routeOfEvent = (event: TelemetryEvent): string => {
  const path = pathWithoutRoute(event);
  return path === '' ? (event.route ?? '') : routeFromPath(path);
};

/** The routes that events are shown under; the rules for making one are applied once for each different path. */
export const shownRoutes = ({ routes, paths }: Pick<EventColumns, 'routes' | 'paths'>): TextColumn => {
  if (paths.values.every((path) => path === '')) return routes;
  const count = routes.ids.length;
  const shown = new TextColumnBuilder(count);
  const of_path = paths.values.map((path) => (path === '' ? undefined : routeFromPath(path)));
  for (let i = 0; i < count; i += 1)
    shown.set(i, of_path[paths.ids[i] ?? 0] ?? routes.values[routes.ids[i] ?? 0] ?? '');
  return shown.upTo(count);
};

class TextColumnBuilder implements TextColumn {
  readonly values: string[] = [];
  readonly ids: Uint16Array;
  readonly #known = new Map<string, number>();

  constructor(count: number) {
    this.ids = new Uint16Array(count);
  }

  set(index: number, value: string): void {
    this.ids[index] = this.#numberOf(value);
  }

  #numberOf(value: string): number {
    let id = this.#known.get(value);
    if (id === undefined) {
      id = this.values.push(value) - 1;
      this.#known.set(value, id);
    }
    return id;
  }

  /** Takes over another column's values from one place up to another. */
  copy({ values, ids }: TextColumn, from: number, to: number, at: number): void {
    const mine = new Int32Array(values.length).fill(-1);
    for (let i = from; i < to; i += 1) {
      const id = ids[i] ?? 0;
      let known = mine[id] ?? -1;
      if (known < 0) {
        known = this.#numberOf(values[id] ?? '');
        mine[id] = known;
      }
      this.ids[at + i - from] = known;
    }
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
  readonly #paths: TextColumnBuilder;
  readonly #methods: TextColumnBuilder;
  #weights: Float64Array | undefined;
  #aggregates: Map<number, Durations> | undefined;

  /** `room`: how many events there may be. */
  constructor(private readonly room: number) {
    this.#statuses = new Uint16Array(room);
    this.#durations = new Float64Array(room);
    this.#types = new TextColumnBuilder(room);
    this.#services = new TextColumnBuilder(room);
    this.#routes = new TextColumnBuilder(room);
    this.#paths = new TextColumnBuilder(room);
    this.#methods = new TextColumnBuilder(room);
  }

  add(event: TelemetryEvent): void {
    const index = this.#count++;
    this.#statuses[index] = event.status_code ?? 0;
    this.#durations[index] = event.duration_ms ?? NaN;
    this.#types.set(index, event.type);
    this.#services.set(index, event.service ?? '');
    this.#routes.set(index, event.route ?? '');
    this.#paths.set(index, pathWithoutRoute(event));
    this.#methods.set(index, event.method ?? '');
    if (isWeighted(event)) this.#weigh(index, weightOf(event), event.durations);
  }

  /** Takes over the events of other columns from one up to another. */
  addFrom(columns: EventColumns, from: number, to: number): void {
    const at = this.#count;
    this.#statuses.set(columns.statuses.subarray(from, to), at);
    this.#durations.set(columns.durations.subarray(from, to), at);
    this.#types.copy(columns.types, from, to, at);
    this.#services.copy(columns.services, from, to, at);
    this.#routes.copy(columns.routes, from, to, at);
    this.#paths.copy(columns.paths, from, to, at);
    this.#methods.copy(columns.methods, from, to, at);
    for (let i = from; columns.weights && i < to; i += 1)
      this.#weigh(at + i - from, columns.weights[i] ?? 1, columns.aggregates?.get(i));
    this.#count = at + to - from;
  }

  #weigh(index: number, weight: number, durations: Durations | undefined): void {
    this.#weights ??= new Float64Array(this.room).fill(1);
    this.#weights[index] = weight;
    if (durations) (this.#aggregates ??= new Map()).set(index, durations);
  }

  columns(): EventColumns {
    const count = this.#count;
    return {
      statuses: this.#statuses.subarray(0, count),
      durations: this.#durations.subarray(0, count),
      types: this.#types.upTo(count),
      services: this.#services.upTo(count),
      routes: this.#routes.upTo(count),
      paths: this.#paths.upTo(count),
      methods: this.#methods.upTo(count),
      ...(this.#weights && { weights: this.#weights.subarray(0, count) }),
      ...(this.#aggregates && { aggregates: this.#aggregates }),
    };
  }
}
