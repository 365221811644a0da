import type { TelemetryEvent } from './event.js';
import { TextTable } from './scan/text-table.js';
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

/** The path that an event's route is made from; `''`: it has a route, or neither. */
export const pathWithoutRoute = ({ route, path }: TelemetryEvent): string =>
  route !== undefined || path === undefined ? '' : path || '/';

/** The most events that columns hold: texts are numbered with 16 bits. */
export const MAX_COLUMN_EVENTS = 65_536;

/** Collects the texts of one field. The texts stay known when the next column is begun. */
class TextColumnBuilder {
  readonly table = new TextTable();
  #ids = new Uint16Array(0);
  #values: string[] = [];
  /** By number in the table: the text's number in this column, and the column for which that holds. */
  #local = new Uint16Array(0);
  #holds_for = new Float64Array(0);
  #column = 0;

  begin(room: number): void {
    if (this.#ids.length < room) this.#ids = new Uint16Array(room);
    this.#values = [];
    this.#column += 1;
    this.table.trim();
  }

  set(index: number, text: number): void {
    this.#ids[index] = this.#numberOf(text);
  }

  /** A text's number in this column. */
  #numberOf(text: number): number {
    if (text >= this.#local.length) this.#grow(text);
    if (this.#holds_for[text] !== this.#column) {
      this.#holds_for[text] = this.#column;
      this.#local[text] = this.#values.push(this.table.texts[text] ?? '') - 1;
    }
    return this.#local[text] ?? 0;
  }

  #grow(text: number): void {
    const room = Math.max(64, 2 * text);
    const local = new Uint16Array(room);
    local.set(this.#local);
    this.#local = local;
    const holds_for = new Float64Array(room);
    holds_for.set(this.#holds_for);
    this.#holds_for = holds_for;
  }

  /** Takes over another column's values from one place up to another. */
  copy({ values, ids }: TextColumn, from: number, to: number, at: number): void {
    const numbers = new Int32Array(values.length).fill(-1);
    const into = this.#ids;
    for (let i = from; i < to; i += 1) {
      const id = ids[i] as number;
      let number = numbers[id] as number;
      if (number < 0) {
        number = this.#numberOf(this.table.ofText(values[id] ?? ''));
        numbers[id] = number;
      }
      into[at + i - from] = number;
    }
  }

  column(count: number): TextColumn {
    return { values: this.#values, ids: this.#ids.slice(0, count) };
  }
}

/** One event as a scanner found it; texts by their numbers in the builder's tables. */
export interface ScannedRow {
  readonly status: number;
  readonly duration: number;
  readonly type: number;
  readonly service: number;
  readonly route: number;
  readonly path: number;
  readonly method: number;
}

/** Collects the columns of events, one event after another; for one batch or chunk after another. */
export class ColumnsBuilder {
  readonly #types = new TextColumnBuilder();
  readonly #services = new TextColumnBuilder();
  readonly #routes = new TextColumnBuilder();
  readonly #paths = new TextColumnBuilder();
  readonly #methods = new TextColumnBuilder();
  #statuses = new Uint16Array(0);
  #durations = new Float64Array(0);
  #weights: Float64Array | undefined;
  #aggregates: Map<number, Durations> | undefined;
  #room = 0;
  #count = 0;

  /** The texts that are known, by field. */
  readonly tables = {
    types: this.#types.table,
    services: this.#services.table,
    routes: this.#routes.table,
    paths: this.#paths.table,
    methods: this.#methods.table,
  } as const;

  /** Begins anew. `room`: how many events there may be, at most {@link MAX_COLUMN_EVENTS}. */
  begin(room: number): this {
    this.#count = 0;
    this.#room = room;
    this.#weights = undefined;
    this.#aggregates = undefined;
    if (this.#statuses.length < room) {
      this.#statuses = new Uint16Array(room);
      this.#durations = new Float64Array(room);
    }
    this.#types.begin(room);
    this.#services.begin(room);
    this.#routes.begin(room);
    this.#paths.begin(room);
    this.#methods.begin(room);
    return this;
  }

  /** Adds a parsed event. */
  add(event: TelemetryEvent): void {
    if (isWeighted(event)) this.#weigh(this.#count, weightOf(event), event.durations);
    const { types, services, routes, paths, methods } = this.tables;
    this.addRow({
      status: event.status_code ?? 0,
      duration: event.duration_ms ?? NaN,
      type: types.ofText(event.type),
      service: services.ofText(event.service ?? ''),
      route: routes.ofText(event.route ?? ''),
      path: paths.ofText(pathWithoutRoute(event)),
      method: methods.ofText(event.method ?? ''),
    });
  }

  addRow(row: ScannedRow): void {
    const index = this.#count++;
    this.#statuses[index] = row.status;
    this.#durations[index] = row.duration;
    this.#types.set(index, row.type);
    this.#services.set(index, row.service);
    this.#routes.set(index, row.route);
    this.#paths.set(index, row.path);
    this.#methods.set(index, row.method);
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
    this.#weights ??= new Float64Array(this.#room).fill(1);
    this.#weights[index] = weight;
    if (durations) (this.#aggregates ??= new Map()).set(index, durations);
  }

  columns(): EventColumns {
    const count = this.#count;
    return {
      statuses: this.#statuses.slice(0, count),
      durations: this.#durations.slice(0, count),
      types: this.#types.column(count),
      services: this.#services.column(count),
      routes: this.#routes.column(count),
      paths: this.#paths.column(count),
      methods: this.#methods.column(count),
      ...(this.#weights && { weights: this.#weights.slice(0, count) }),
      ...(this.#aggregates && { aggregates: this.#aggregates }),
    };
  }
}
