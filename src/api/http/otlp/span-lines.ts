import type { KnownEvents } from '../../../commands/ingest/made-events.js';
import { ColumnsBuilder, type ScannedRow } from '../../../domain/telemetry/columns.js';
import { SERVER_SPAN, type OtlpMap } from '../../../domain/telemetry/otlp/model.js';
import { eventOfSpan } from '../../../domain/telemetry/otlp/span.js';
import { addResource, AttributeList, ofResource } from '../../../domain/telemetry/otlp/values.js';
import { METHOD, PATH, ROUTE } from './attribute-names.js';
import { Budget, MAX_RECORDS } from './budget.js';
import { JsonLines, piece, type Piece } from './json-lines.js';
import { PlainSpan } from './plain-span.js';
import { readOneSpan, readResource } from './protobuf.js';
import { Rooms } from './rooms.js';
import { ID_AT, ID_LENGTH, targetOf, writeSpan, type ResourceText } from './span-text.js';
import { delimited, unusual, type Walk } from './walk.js';

/** An export's spans as events: their JSON texts and columns, made from the wire without objects in between. */
export interface SpanLines {
  /** The events, a line break between them. */
  readonly lines: Buffer;
  readonly events: number;
  readonly known: KnownEvents;
  /** Spans of any kind. */
  readonly spans: number;
  readonly ignored: number;
  readonly rejected: number;
  readonly reasons: readonly string[];
  /** Gives the room of the lines back; nobody may look at them any more. */
  readonly release: () => void;
}

const RESOURCE_SPANS = delimited(1);
const RESOURCE = delimited(1);
const SCOPE_SPANS = delimited(2);
const SCOPE = delimited(1);
const SCOPE_NAME = delimited(1);
const SPAN = delimited(2);

/** A span that is an event has its two ids. */
const MIN_SPAN_BYTES = 30;
/** Room in a line for what is not in its span: names of fields, ids a second time, punctuation. */
const LINE_ROOM = 1024;
/** Bytes of a resource's attributes with which a plain span's stay below their bound together. */
const LONGEST_RESOURCE = 8192;

/** What one resource says: as it was read, as text and in the columns. */
interface Resource extends ResourceText {
  readonly map: OtlpMap;
  readonly service: number;
}

const members = (value: object): Piece => {
  const text = JSON.stringify(value).slice(1, -1);
  return piece(text === '' ? '' : `,${text}`);
};

/** Where events begin and end in the lines, and their times. */
const placesFor = (events: number): Pick<KnownEvents, 'starts' | 'ends' | 'times'> => ({
  starts: new Int32Array(events),
  ends: new Int32Array(events),
  times: new Float64Array(events),
});

// For one export after another.
let places = placesFor(1024);
const span = new PlainSpan();
const columns = new ColumnsBuilder();
const rooms = new Rooms();

/**
 * Reads an ExportTraceServiceRequest whose spans are mostly plain (see {@link PlainSpan}). One that is not is decoded
 * to an object and mapped by {@link eventOfSpan}, which defines what is right; undefined where the whole export has to
 * go that way, because it is not valid or too large.
 */
export const spanLines = (body: Buffer): SpanLines | undefined => {
  const room = rooms.take(body.length * 2 + LINE_ROOM);
  try {
    return new Export(body, room).read();
  } catch (error) {
    rooms.release(room);
    if (error === unusual) return undefined;
    throw error;
  }
};

class Export {
  readonly #walk: Walk = span.walk;
  readonly #out: JsonLines;
  readonly #row: { -readonly [K in keyof ScannedRow]: ScannedRow[K] };
  readonly #api_call: number;
  readonly #outbound_call: number;
  readonly #unchecked: number[] = [];
  readonly #reasons = new Set<string>();
  readonly #budget = new Budget();
  #events = 0;
  #spans = 0;
  #ignored = 0;
  #rejected = 0;

  constructor(
    private readonly body: Buffer,
    room: Buffer,
  ) {
    const most = Math.min(MAX_RECORDS, Math.ceil(body.length / MIN_SPAN_BYTES));
    span.begin(body);
    columns.begin(most);
    this.#out = new JsonLines(room);
    this.#api_call = columns.tables.types.ofText('api_call');
    this.#outbound_call = columns.tables.types.ofText('outbound_call');
    this.#row = { status: 0, duration: NaN, type: 0, service: 0, route: 0, path: 0, method: 0 };
    if (places.starts.length < most) places = placesFor(most);
  }

  read(): SpanLines {
    this.#each(0, this.body.length, (tag, start, end) => {
      if (tag === RESOURCE_SPANS) this.#resourceSpans(start, end);
    });
    const count = this.#events;
    const room = this.#out.bytes;
    return {
      lines: this.#out.lines(),
      events: count,
      known: {
        starts: places.starts.slice(0, count),
        ends: places.ends.slice(0, count),
        times: places.times.slice(0, count),
        columns: columns.columns(),
        id: { offset: ID_AT, length: ID_LENGTH },
        unchecked: this.#unchecked,
      },
      spans: this.#spans,
      ignored: this.#ignored,
      rejected: this.#rejected,
      reasons: [...this.#reasons],
      release: () => {
        rooms.release(room);
      },
    };
  }

  #each(from: number, to: number, visit: (tag: number, start: number, end: number) => void): void {
    const walk = this.#walk;
    walk.at = from;
    for (let tag = walk.next(to); tag !== 0; tag = walk.next(to)) {
      const { start, end, at } = walk;
      visit(tag, start, end);
      walk.at = at;
    }
  }

  /** The resource may come behind what it is the resource of. */
  #resourceSpans(from: number, to: number): void {
    const found: OtlpMap[] = [];
    this.#each(from, to, (tag, start, end) => {
      if (tag !== RESOURCE) return;
      const resource = readResource(this.body.subarray(start, end), this.#budget);
      if (!resource) throw unusual;
      found.push(resource);
    });
    const [map = new Map<string, never>(), another] = found;
    if (another) throw unusual;
    const resource = this.#resource(map);
    this.#each(from, to, (tag, start, end) => {
      if (tag === SCOPE_SPANS) this.#scopeSpans(start, end, resource);
    });
  }

  #resource(map: OtlpMap): Resource {
    const list = new AttributeList();
    addResource(list, map);
    const fields = ofResource(map);
    return {
      map,
      service: columns.tables.services.ofText(fields.service ?? ''),
      fields: members(fields),
      attributes: members(list.field().attributes ?? {}),
    };
  }

  #scopeSpans(from: number, to: number, resource: Resource): void {
    this.#each(from, to, (tag, start, end) => {
      if (tag === SPAN) this.#oneSpan(start, end, resource);
      else if (tag === SCOPE) this.#scope(start, end);
    });
  }

  /** The name of what made the spans is not kept, but has to be a text. */
  #scope(from: number, to: number): void {
    this.#each(from, to, (tag, start, end) => {
      if (tag === SCOPE_NAME && !this.#walk.isPlain(start, end)) throw unusual;
    });
  }

  #oneSpan(from: number, to: number, resource: Resource): void {
    this.#spans += 1;
    if (this.#spans > MAX_RECORDS) throw unusual;
    if (!this.#plainSpan(from, to, resource)) this.#decodedSpan(this.body.subarray(from, to), resource.map);
  }

  /** Whether the span was plain, and has been dealt with. */
  #plainSpan(from: number, to: number, resource: Resource): boolean {
    if (resource.attributes.length > LONGEST_RESOURCE) return false;
    try {
      if (span.read(from, to)) this.#write(to - from, resource);
      else this.#ignored += 1;
      return true;
    } catch (error) {
      if (error !== unusual) throw error;
      return false;
    }
  }

  /** Writes the span that was read, of so many bytes. */
  #write(bytes: number, resource: Resource): void {
    const target = targetOf(span);
    this.#out.reserve(bytes * 2 + resource.fields.length + resource.attributes.length + LINE_ROOM);
    const start = this.#out.length;
    writeSpan(this.#out, span, resource, target);
    this.#addRow(resource.service, target);
    this.#accept(start, span.time > 0 ? span.time : NaN);
  }

  #addRow(service: number, target: string | undefined): void {
    const { bytes, view } = this.#walk;
    const { methods, routes, paths } = columns.tables;
    const row = this.#row;
    const { status_code, duration } = span;
    row.status = status_code;
    row.duration = duration < 0 ? NaN : duration / 1e6;
    row.type = span.kind === SERVER_SPAN ? this.#api_call : this.#outbound_call;
    row.service = service;
    row.method = methods.ofBytes(bytes, view, span.start(METHOD), span.end(METHOD));
    row.route = routes.ofBytes(bytes, view, span.start(ROUTE), span.end(ROUTE));
    if (row.route > 0) row.path = 0;
    else if (target !== undefined) row.path = paths.ofText(target);
    else row.path = span.has(PATH) ? paths.ofBytes(bytes, view, span.start(PATH), span.end(PATH)) : 0;
    columns.addRow(row);
  }

  /** The event whose line was written last, and when it happened. */
  #accept(start: number, time: number): void {
    const index = this.#events++;
    places.starts[index] = start;
    places.ends[index] = this.#out.length - 1;
    places.times[index] = time;
  }

  #decodedSpan(bytes: Uint8Array, resource: OtlpMap): void {
    const decoded = readOneSpan(bytes, resource, this.#budget);
    if (!decoded) throw unusual;
    const outcome = eventOfSpan(decoded);
    if (outcome.kind === 'ignored') this.#ignored += 1;
    else if (outcome.kind === 'rejected') {
      this.#rejected += 1;
      this.#reasons.add(outcome.reason);
    } else {
      const { event } = outcome;
      const json = JSON.stringify(event);
      this.#out.reserve(3 * json.length + 1);
      const start = this.#out.length;
      this.#out.utf8(json);
      this.#out.endLine();
      columns.add(event);
      this.#unchecked.push(this.#events);
      this.#accept(start, typeof event.timestamp === 'number' ? event.timestamp : NaN);
    }
  }
}
