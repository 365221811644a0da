import { CLIENT_SPAN, SERVER_SPAN, STATUS_ERROR } from '../../../domain/telemetry/otlp/model.js';
import { redactedTarget } from '../../../domain/telemetry/redact.js';
import type { JsonLines } from './json-lines.js';
import { delimited, fixed64, unusual, varint, type Walk } from './walk.js';

/** Attributes that become fields of an event: their names, and how long the field may be. */
const METHOD = 0;
const ROUTE = 1;
const PATH = 2;
const QUERY = 3;
const USER = 4;
const CONSUMER = 5;
const STATUS = 6;
const REQUEST_BYTES = 7;
const RESPONSE_BYTES = 8;
const FIELDS: readonly (readonly [name: string, longest: number])[] = [
  ['http.request.method', 32],
  ['http.route', 512],
  ['url.path', 4096],
  ['url.query', 4095],
  ['user.id', 256],
  ['enduser.id', 256],
  ['http.response.status_code', 0],
  ['http.request.body.size', 0],
  ['http.response.body.size', 0],
];
const NUMBERS_FROM = STATUS;

/** Names that mean more than themselves: older names, those that are taken, those that an object must not have. */
const UNUSUAL_NAMES: ReadonlySet<string> = new Set([
  ...['http.method', 'http.request.method_original', 'http.status_code', 'http.status_text', 'http.target'],
  ...['http.url', 'url.full', 'url.fragment', 'http.host', 'http.client_ip', 'http.user_agent'],
  ...['http.request_content_length', 'http.response_content_length', 'net.host.name', 'net.host.port'],
  ...['net.peer.ip', 'net.peer.name', 'net.peer.port', 'net.sock.peer.addr', 'service.version'],
  ...['deployment.id', 'host.name', 'parent_span_id', 'span.name', '__proto__', 'constructor', 'prototype'],
]);
const CONTENT = /^http\.(?:request|response)\.(?:header|body)(?:\.|$)/;

/** A plain span stays below all bounds of an event's attributes. */
const LONGEST_SPAN = 16_384;
const LONGEST_NAME = 128;
const LONGEST_OTHER = 8192;
const MOST_OTHERS = 40;

/** What redacting may add to a path. */
const MOST_REDACTED = 256;
const MOST_DURATION_MS = 1e9;
const MOST_NAMES = 1000;

/** A span's fields in opentelemetry/proto/trace/v1/trace.proto, and those of the messages in it. */
const TRACE_ID = delimited(1);
const SPAN_ID = delimited(2);
const PARENT_SPAN_ID = delimited(4);
const NAME = delimited(5);
const KIND = varint(6);
const START = fixed64(7);
const END = fixed64(8);
const ATTRIBUTE = delimited(9);
const STATUS_OF_SPAN = delimited(15);
const STATUS_MESSAGE = delimited(2);
const STATUS_CODE = varint(3);
const KEY = delimited(1);
const VALUE = delimited(2);
const STRING = delimited(1);
const BOOL = varint(2);
const INTEGER = varint(3);
const DOUBLE = fixed64(4);

/** Of a name that stays an attribute's; others are known to become a field. */
const STAYS = -1;
const SPACE = 0x20;
const double = new DataView(new ArrayBuffer(8));

/**
 * A span that is read and written in place, one after another with the same object: texts in ASCII that need no
 * escapes, the stable names of HTTP's semantic conventions, scalar values, each attribute once. What is not like
 * that throws {@link unusual}. It says what `eventOfSpan` says of the same span, or nothing.
 */
export class PlainSpan {
  readonly #names = new Map<number, { readonly text: string; readonly means: number }>();
  /** Of each part: where it starts and ends. Of a field that is a number: the number, -1 where there is none. */
  readonly #starts = new Int32Array(FIELDS.length);
  readonly #ends = new Int32Array(FIELDS.length);
  readonly #numbers = new Float64Array(FIELDS.length);
  /** Of each other attribute: its name, its value, where those start and end, and the value's tag. */
  readonly #others = new Int32Array(MOST_OTHERS * 5);
  #other_numbers = new Float64Array(MOST_OTHERS);
  #count = 0;
  #trace = 0;
  #span = 0;
  #parent = 0;
  #name_start = 0;
  #name_end = 0;
  #message_start = 0;
  #message_end = 0;
  #kind = 0;
  #code = 0;
  #start_ms = 0;
  #start_ns = 0;
  #end_ms = 0;
  #end_ns = 0;

  constructor(private readonly walk: Walk) {}

  /** Reads a span; whether it is one of HTTP that becomes an event. */
  read(from: number, to: number): boolean {
    if (to - from > LONGEST_SPAN) throw unusual;
    this.#reset();
    const { walk } = this;
    walk.at = from;
    for (let tag = walk.next(to); tag !== 0; tag = walk.next(to)) {
      const { start, end, at } = walk;
      if (tag === ATTRIBUTE) {
        this.#attribute(start, end);
        walk.at = at;
      } else if (tag === TRACE_ID) this.#trace = this.#id(start, end, 16);
      else if (tag === SPAN_ID) this.#span = this.#id(start, end, 8);
      else if (tag === PARENT_SPAN_ID) this.#parent = end === start ? 0 : this.#id(start, end, 8);
      else if (tag === NAME) {
        this.#checkText(start, end, LONGEST_OTHER);
        this.#name_start = start;
        this.#name_end = end;
      } else if (tag === KIND) this.#kind = walk.value;
      else if (tag === START) {
        this.#start_ms = this.#millis(start);
        this.#start_ns = this.#rest(start);
      } else if (tag === END) {
        this.#end_ms = this.#millis(start);
        this.#end_ns = this.#rest(start);
      } else if (tag === STATUS_OF_SPAN) {
        this.#status(start, end);
        walk.at = at;
      }
    }
    if (this.#trace === 0 || this.#span === 0) throw unusual;
    return this.#has(METHOD) && (this.#kind === SERVER_SPAN || this.#kind === CLIENT_SPAN);
  }

  #reset(): void {
    this.#starts.fill(0);
    this.#ends.fill(0);
    this.#numbers.fill(-1);
    this.#count = 0;
    this.#trace = this.#span = this.#parent = 0;
    this.#name_start = this.#name_end = this.#message_start = this.#message_end = 0;
    this.#kind = this.#code = 0;
    this.#start_ms = this.#start_ns = this.#end_ms = this.#end_ns = 0;
  }

  /** Where an id is; ids of another length, and those that are all zero, are not plain. */
  #id(start: number, end: number, length: number): number {
    if (end - start !== length) throw unusual;
    for (let at = start; at < end; at += 1) if (this.walk.bytes[at] !== 0) return start;
    throw unusual;
  }

  #checkText(start: number, end: number, longest: number): void {
    if (end - start > longest || !this.walk.isPlain(start, end)) throw unusual;
  }

  /** Nanoseconds h·2^32 + l as whole milliseconds, exactly: 2^32 is 4294·10^6 + 967296. */
  #millis(at: number): number {
    const high = this.walk.word(at + 4);
    return high * 4294 + Math.floor((high * 967_296 + this.walk.word(at)) / 1e6);
  }

  /** The nanoseconds that are left. */
  #rest(at: number): number {
    return (this.walk.word(at + 4) * 967_296 + this.walk.word(at)) % 1e6;
  }

  #status(from: number, to: number): void {
    const { walk } = this;
    walk.at = from;
    for (let tag = walk.next(to); tag !== 0; tag = walk.next(to))
      if (tag === STATUS_CODE) this.#code = walk.value;
      else if (tag === STATUS_MESSAGE) {
        this.#checkText(walk.start, walk.end, LONGEST_OTHER);
        this.#message_start = walk.start;
        this.#message_end = walk.end;
      }
  }

  #attribute(from: number, to: number): void {
    const { walk } = this;
    let key_start = 0;
    let key_end = 0;
    let value_start = 0;
    let value_end = 0;
    walk.at = from;
    for (let tag = walk.next(to); tag !== 0; tag = walk.next(to))
      if (tag === KEY) ({ start: key_start, end: key_end } = walk);
      else if (tag === VALUE) ({ start: value_start, end: value_end } = walk);
    if (key_end === 0 || value_end === 0) throw unusual;

    // One value, in one way: what a value with several says, is for the thorough decoder.
    walk.at = value_start;
    const tag = walk.next(value_end);
    if (walk.at !== value_end) throw unusual;
    const { start, end, value } = walk;
    const means = this.#meaning(key_start, key_end);
    if (means >= NUMBERS_FROM) {
      if (tag !== INTEGER || (this.#numbers[means] ?? 0) >= 0) throw unusual;
      this.#numbers[means] = value;
    } else if (means >= 0) {
      if (tag !== STRING || start === end || walk.bytes[end - 1] === SPACE || this.#has(means)) throw unusual;
      this.#checkText(start, end, FIELDS[means]?.[1] ?? 0);
      this.#starts[means] = start;
      this.#ends[means] = end;
    } else this.#other(tag, key_start, key_end);
  }

  /** Keeps the value that the walk has just read. */
  #other(tag: number, key_start: number, key_end: number): void {
    const { walk } = this;
    const { start, end, value } = walk;
    if (tag === STRING) this.#checkText(start, end, LONGEST_OTHER);
    else if (tag !== BOOL && tag !== INTEGER && tag !== DOUBLE) throw unusual;
    if (this.#count === MOST_OTHERS) throw unusual;
    for (let i = 0; i < this.#count; i += 1) {
      const at = this.#others[i * 5] ?? 0;
      const length = (this.#others[i * 5 + 1] ?? 0) - at;
      if (length === key_end - key_start && walk.same(at, key_start, length)) throw unusual;
    }
    const at = this.#count * 5;
    this.#others[at] = key_start;
    this.#others[at + 1] = key_end;
    this.#others[at + 2] = tag;
    this.#others[at + 3] = start;
    this.#others[at + 4] = end;
    this.#other_numbers[this.#count] = value;
    this.#count += 1;
  }

  /** The field that a name becomes, or {@link STAYS}. Names come again and again, and are remembered. */
  #meaning(start: number, end: number): number {
    const hash = this.walk.hash(start, end);
    const known = this.#names.get(hash);
    if (known && this.walk.is(known.text, start, end)) return known.means;
    if (start === end || end - start > LONGEST_NAME || !this.walk.isPlain(start, end)) throw unusual;
    const text = this.walk.latin1(start, end);
    if (UNUSUAL_NAMES.has(text)) throw unusual;
    const means = FIELDS.findIndex(([name]) => name === text);
    if (means < 0 && CONTENT.test(text)) throw unusual;
    if (this.#names.size < MOST_NAMES) this.#names.set(hash, { text, means });
    return means < 0 ? STAYS : means;
  }

  #has(field: number): boolean {
    return (this.#ends[field] ?? 0) > 0;
  }

  /** Writes the span that was read as an event, with what its resource says, both as members of an object. */
  write(out: JsonLines, resource: { readonly fields: Buffer; readonly attributes: Buffer }): void {
    const { walk } = this;
    const { bytes } = walk;
    out.ascii('{"id":"');
    out.hex(bytes, this.#trace, this.#trace + 16);
    out.ascii(':');
    out.hex(bytes, this.#span, this.#span + 8);
    out.ascii(this.#kind === SERVER_SPAN ? '","type":"api_call"' : '","type":"outbound_call"');
    const timestamp = this.#start_ms > 0 ? this.#start_ms : this.#end_ms;
    if (timestamp > 0) out.ascii(`,"timestamp":${String(timestamp)}`);
    if (resource.fields.length > 0) {
      out.ascii(',');
      out.copy(resource.fields, 0, resource.fields.length);
    }
    this.#field(out, ',"method":"', METHOD);
    this.#field(out, ',"route":"', ROUTE);
    this.#path(out);
    const status = this.#numbers[STATUS] ?? -1;
    if (status >= 100 && status <= 599) out.ascii(`,"status_code":${String(status)}`);
    const duration = ((this.#end_ms - this.#start_ms) * 1e6 + this.#end_ns - this.#start_ns) / 1e6;
    if ((this.#start_ms > 0 || this.#start_ns > 0) && duration >= 0 && duration <= MOST_DURATION_MS)
      out.ascii(`,"duration_ms":${String(duration)}`);
    this.#size(out, ',"request_bytes":', REQUEST_BYTES);
    this.#size(out, ',"response_bytes":', RESPONSE_BYTES);
    this.#field(out, ',"user_id":"', USER);
    this.#field(out, ',"consumer":"', CONSUMER);
    out.ascii(',"trace_id":"');
    out.hex(bytes, this.#trace, this.#trace + 16);
    out.ascii('","span_id":"');
    out.hex(bytes, this.#span, this.#span + 8);
    out.ascii('"');
    if (status >= 500 || this.#code === STATUS_ERROR) out.ascii(',"severity":"error"');
    if (this.#message_end > this.#message_start) {
      out.ascii(',"message":"');
      out.copy(bytes, this.#message_start, this.#message_end);
      out.ascii('"');
    }
    this.#attributes(out, resource.attributes);
    out.ascii('}');
    out.endLine();
  }

  #field(out: JsonLines, name: string, field: number): void {
    if (!this.#has(field)) return;
    out.ascii(name);
    out.copy(this.walk.bytes, this.#starts[field] ?? 0, this.#ends[field] ?? 0);
    out.ascii('"');
  }

  #size(out: JsonLines, name: string, field: number): void {
    const size = this.#numbers[field] ?? -1;
    if (size >= 0) out.ascii(name + String(size));
  }

  /** A path that is nothing but a path is copied; any other goes the way that takes secrets out of it. */
  #path(out: JsonLines): void {
    if (!this.#has(PATH)) return;
    const { walk } = this;
    const start = this.#starts[PATH] ?? 0;
    const end = this.#ends[PATH] ?? 0;
    if (!this.#has(QUERY) && walk.isBarePath(start, end)) {
      this.#field(out, ',"path":"', PATH);
      return;
    }
    const path = walk.latin1(start, end);
    const query = walk.latin1(this.#starts[QUERY] ?? 0, this.#ends[QUERY] ?? 0);
    const sent = query === '' ? path : `${path}?${query.replace(/^\?/, '')}`;
    const target = redactedTarget(sent);
    if (target.length > sent.length + MOST_REDACTED) throw unusual;
    out.ascii(`,"path":"${target}"`);
  }

  #attributes(out: JsonLines, resource: Buffer): void {
    const { walk } = this;
    const { bytes } = walk;
    let separator = ',"attributes":{';
    const next = (): void => {
      out.ascii(separator);
      separator = ',';
    };
    if (resource.length > 0) {
      next();
      out.copy(resource, 0, resource.length);
    }
    if (this.#parent > 0) {
      next();
      out.ascii('"parent_span_id":"');
      out.hex(bytes, this.#parent, this.#parent + 8);
      out.ascii('"');
    }
    if (!this.#hasUsualName()) {
      next();
      out.ascii('"span.name":"');
      out.copy(bytes, this.#name_start, this.#name_end);
      out.ascii('"');
    }
    for (let i = 0; i < this.#count; i += 1) {
      const at = i * 5;
      next();
      out.ascii('"');
      out.copy(bytes, this.#others[at] ?? 0, this.#others[at + 1] ?? 0);
      out.ascii('":');
      const tag = this.#others[at + 2] ?? 0;
      const start = this.#others[at + 3] ?? 0;
      if (tag === STRING) {
        out.ascii('"');
        out.copy(bytes, start, this.#others[at + 4] ?? 0);
        out.ascii('"');
      } else out.ascii(this.#scalar(tag, start, this.#other_numbers[i] ?? 0));
    }
    if (separator === ',') out.ascii('}');
  }

  #scalar(tag: number, at: number, number: number): string {
    if (tag === BOOL) return number === 0 ? 'false' : 'true';
    if (tag === INTEGER) return String(number);
    double.setUint32(0, this.walk.word(at), true);
    double.setUint32(4, this.walk.word(at + 4), true);
    const value = double.getFloat64(0, true);
    return Number.isFinite(value) ? JSON.stringify(value) : `"${String(value)}"`;
  }

  /** Spans are named by method and route; then the name says nothing new. */
  #hasUsualName(): boolean {
    const { walk } = this;
    const method_start = this.#starts[METHOD] ?? 0;
    const method_length = (this.#ends[METHOD] ?? 0) - method_start;
    const length = this.#name_end - this.#name_start;
    if (length < method_length || !walk.same(this.#name_start, method_start, method_length)) return false;
    if (!this.#has(ROUTE)) return length === method_length;
    const route_start = this.#starts[ROUTE] ?? 0;
    const route_length = (this.#ends[ROUTE] ?? 0) - route_start;
    return (
      length === method_length + 1 + route_length &&
      walk.bytes[this.#name_start + method_length] === SPACE &&
      walk.same(this.#name_start + method_length + 1, route_start, route_length)
    );
  }
}
