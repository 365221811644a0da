import { CLIENT_SPAN, SERVER_SPAN } from '../../../domain/telemetry/otlp/model.js';
import { AttributeNames, FIELDS, LONGEST, METHOD, ROUTE, STATUS, STAYS } from './attribute-names.js';
import { JsonLines } from './json-lines.js';
import { delimited, fixed64, unusual, varint, Walk } from './walk.js';

/** A plain span stays below all bounds of an event's attributes. */
const LONGEST_SPAN = 16_384;
const LONGEST_OTHER = 8192;
const MOST_OTHERS = 40;
/** Room for a span's attributes as JSON: a number of a few bytes may have 24 digits. */
const ATTRIBUTES_ROOM = 128 * 1024;
const MOST_DURATION_NS = 1e15;
const MOST_ENUMERATED = 0x7fff_ffff;

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

/** Below it a length is one byte of a varint. */
const MOST_IN_A_BYTE = 0x80;

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * A span that is read in place, one after another with the same object: texts in ASCII that need no escapes, the stable
 * names of HTTP's semantic conventions, scalar values, each attribute once. What is not like that throws
 * {@link unusual}.
 */
export class PlainSpan {
  /** Of the bytes that spans are read from. */
  readonly walk = new Walk();
  /** Where its ids begin; 0: it has no such id. */
  trace = 0;
  span = 0;
  parent = 0;
  name_start = 0;
  name_end = 0;
  message_start = 0;
  message_end = 0;
  kind = 0;
  /** The status code of the span, not that of HTTP. */
  code = 0;
  /** The attributes that stay such as members of a JSON object, each behind a comma. */
  readonly attributes = new JsonLines(Buffer.from(new ArrayBuffer(ATTRIBUTES_ROOM)));
  readonly #names = new AttributeNames();
  /** Of each text that becomes a field: where it starts and ends. Of each number: the number, -1 where there is none. */
  readonly #starts = new Int32Array(FIELDS);
  readonly #ends = new Int32Array(FIELDS);
  readonly #numbers = new Float64Array(FIELDS);
  #others = 0;
  #start_ms = 0;
  #start_ns = 0;
  #end_ms = 0;
  #end_ns = 0;

  /** Begins with the spans of another export. */
  begin(body: Uint8Array): void {
    this.walk.begin(body);
    this.#names.begin();
  }

  /** Reads a span; whether it is one of HTTP that becomes an event. */
  read(from: number, to: number): boolean {
    if (to - from > LONGEST_SPAN) throw unusual;
    this.#reset();
    const { walk } = this;
    walk.at = from;
    for (let tag = walk.next(to); tag !== 0; tag = walk.next(to)) {
      const { start, end } = walk;
      switch (tag) {
        case ATTRIBUTE:
          this.#attribute(start, end);
          walk.at = end;
          break;
        case TRACE_ID:
          this.trace = this.#id(start, end, 16);
          break;
        case SPAN_ID:
          this.span = this.#id(start, end, 8);
          break;
        case PARENT_SPAN_ID:
          this.parent = end === start ? 0 : this.#id(start, end, 8);
          break;
        case NAME:
          this.#checkText(start, end, LONGEST_OTHER);
          this.name_start = start;
          this.name_end = end;
          break;
        case KIND:
          this.kind = this.#enumeration();
          break;
        case START:
          this.#start_ms = this.#millis(start);
          this.#start_ns = this.#rest(start);
          break;
        case END:
          this.#end_ms = this.#millis(start);
          this.#end_ns = this.#rest(start);
          break;
        case STATUS_OF_SPAN:
          this.#status(start, end);
          walk.at = end;
      }
    }
    if (this.trace === 0 || this.span === 0) throw unusual;
    return this.has(METHOD) && (this.kind === SERVER_SPAN || this.kind === CLIENT_SPAN);
  }

  /** Whether an attribute that becomes a text field is there. */
  has(field: number): boolean {
    return (this.#ends[field] ?? 0) > 0;
  }

  start(field: number): number {
    return this.#starts[field] ?? 0;
  }

  end(field: number): number {
    return this.#ends[field] ?? 0;
  }

  /** An attribute that becomes a field with a number; -1: it is not there. */
  number(field: number): number {
    return this.#numbers[field] ?? -1;
  }

  /** HTTP's; 0: there is none. */
  get status_code(): number {
    const status = this.number(STATUS);
    return status >= 100 && status <= 599 ? status : 0;
  }

  /** Epoch milliseconds; 0: not said. */
  get time(): number {
    return this.#start_ms > 0 ? this.#start_ms : this.#end_ms;
  }

  /** Nanoseconds; -1: not known. */
  get duration(): number {
    if (this.#start_ms === 0 && this.#start_ns === 0) return -1;
    const nanos = (this.#end_ms - this.#start_ms) * 1e6 + this.#end_ns - this.#start_ns;
    return nanos >= 0 && nanos <= MOST_DURATION_NS ? nanos : -1;
  }

  /** Spans are named by method and route; then the name says nothing new. */
  get has_usual_name(): boolean {
    const { walk } = this;
    const start = this.name_start;
    const length = this.name_end - start;
    const method = this.end(METHOD) - this.start(METHOD);
    if (length < method || !walk.same(start, this.start(METHOD), method)) return false;
    if (!this.has(ROUTE)) return length === method;
    const route = this.end(ROUTE) - this.start(ROUTE);
    return (
      length === method + 1 + route &&
      walk.bytes[start + method] === SPACE &&
      walk.same(start + method + 1, this.start(ROUTE), route)
    );
  }

  #reset(): void {
    for (let field = 0; field < FIELDS; field += 1) {
      this.#starts[field] = 0;
      this.#ends[field] = 0;
      this.#numbers[field] = -1;
    }
    this.#names.beginSpan();
    this.attributes.back(0);
    this.#others = 0;
    this.trace = this.span = this.parent = 0;
    this.name_start = this.name_end = this.message_start = this.message_end = 0;
    this.kind = this.code = 0;
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

  /** An enumeration's value has 32 bits; what is longer is cut by the thorough reader. */
  #enumeration(): number {
    if (this.walk.value > MOST_ENUMERATED) throw unusual;
    return this.walk.value;
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
      if (tag === STATUS_CODE) this.code = this.#enumeration();
      else if (tag === STATUS_MESSAGE) {
        this.#checkText(walk.start, walk.end, LONGEST_OTHER);
        this.message_start = walk.start;
        this.message_end = walk.end;
      }
  }

  /** An attribute as exporters write it: a name, then one value, and nothing else. */
  #attribute(from: number, to: number): void {
    const { walk } = this;
    const { bytes } = walk;
    let name_start = from + 2;
    let name_end = name_start + (bytes[from + 1] ?? 0);
    const rest = to - name_end - 2;
    // A short name and a short value are seen at once, others as any fields are.
    if (
      bytes[from] === KEY &&
      rest >= 0 &&
      rest < MOST_IN_A_BYTE &&
      name_end - name_start < MOST_IN_A_BYTE &&
      bytes[name_end] === VALUE &&
      bytes[name_end + 1] === rest
    )
      walk.at = name_end + 2;
    else {
      walk.at = from;
      if (walk.next(to) !== KEY) throw unusual;
      ({ start: name_start, end: name_end } = walk);
      if (walk.next(to) !== VALUE || walk.at !== to) throw unusual;
      walk.at = walk.start;
    }
    const tag = walk.next(to);
    if (walk.at !== to) throw unusual;
    const { start, end, value } = walk;

    const meaning = this.#names.meet(walk, name_start, name_end);
    if (meaning === STAYS) {
      this.#openMember(name_start, name_end);
      this.#value(tag);
    } else if (meaning >= STATUS) {
      if (tag !== INTEGER) throw unusual;
      this.#numbers[meaning] = value;
    } else {
      if (tag !== STRING || start === end || walk.bytes[end - 1] === SPACE) throw unusual;
      this.#checkText(start, end, LONGEST[meaning] ?? 0);
      this.#starts[meaning] = start;
      this.#ends[meaning] = end;
    }
  }

  #openMember(name_start: number, name_end: number): void {
    if (this.#others === MOST_OTHERS) throw unusual;
    this.#others += 1;
    const { attributes } = this;
    attributes.byte(COMMA);
    attributes.byte(QUOTE);
    attributes.copy(this.walk.view, name_start, name_end);
    attributes.byte(QUOTE);
    attributes.byte(COLON);
  }

  /** Writes the value that the walk has just read. */
  #value(tag: number): void {
    const { walk, attributes } = this;
    const { start, end, value } = walk;
    switch (tag) {
      case STRING:
        this.#checkText(start, end, LONGEST_OTHER);
        attributes.byte(QUOTE);
        attributes.copy(walk.view, start, end);
        attributes.byte(QUOTE);
        break;
      case INTEGER:
        attributes.whole(value);
        break;
      case BOOL:
        attributes.ascii(value === 0 ? 'false' : 'true');
        break;
      case DOUBLE: {
        const double = walk.view.getFloat64(start, true);
        attributes.ascii(Number.isFinite(double) ? JSON.stringify(double) : `"${String(double)}"`);
        break;
      }
      default:
        throw unusual;
    }
  }
}
