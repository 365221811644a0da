import { TextTable } from '../../../domain/telemetry/scan/text-table.js';
import { unusual, type Walk } from './walk.js';

/** Attributes that become fields of an event; from {@link STATUS} on their values are whole numbers. */
export const METHOD = 0;
export const ROUTE = 1;
export const PATH = 2;
export const QUERY = 3;
export const USER = 4;
export const CONSUMER = 5;
export const STATUS = 6;
export const REQUEST_BYTES = 7;
export const RESPONSE_BYTES = 8;
/** Their names, and how long a text may be. */
const fields: readonly (readonly [name: string, longest: number])[] = [
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
export const FIELDS = fields.length;
export const LONGEST = Int32Array.from(fields, ([, longest]) => longest);

/** Of a name that stays an attribute's. */
export const STAYS = 0xfd;
/** Of a name whose span is left to the thorough reader. */
const UNUSUAL = 0xfe;
const NOT_LOOKED_UP = 0xff;

/** Names that mean more than themselves: older names, those that are taken, those that an object must not have. */
const UNUSUAL_NAMES: ReadonlySet<string> = new Set([
  ...['http.method', 'http.request.method_original', 'http.status_code', 'http.status_text', 'http.target'],
  ...['http.url', 'url.full', 'url.fragment', 'http.host', 'http.client_ip', 'http.user_agent'],
  ...['http.request_content_length', 'http.response_content_length', 'net.host.name', 'net.host.port'],
  ...['net.peer.ip', 'net.peer.name', 'net.peer.port', 'net.sock.peer.addr', 'service.version'],
  ...['deployment.id', 'host.name', 'parent_span_id', 'span.name', '__proto__', 'constructor', 'prototype'],
]);
const CONTENT = /^http\.(?:request|response)\.(?:header|body)(?:\.|$)/;
/** ASCII that needs no escapes in JSON, as long as an attribute's name may be. */
const PLAIN = /^[ !#-[\]-~]{1,128}$/;

/** Names that are told apart by number at a time. */
const MOST_NAMES = 2048;

const meaningOf = (name: string): number => {
  const field = fields.findIndex(([known]) => known === name);
  if (field >= 0) return field;
  return PLAIN.test(name) && !UNUSUAL_NAMES.has(name) && !CONTENT.test(name) ? STAYS : UNUSUAL;
};

/** Attributes whose names are expected to be those of the span before. */
const EXPECTED = 64;

/**
 * What the names of spans' attributes mean. They come again and again, mostly in the same order, and are known by their
 * bytes. Names of one span that are told apart here are different texts.
 */
export class AttributeNames {
  readonly #table = new TextTable();
  /** By a name's number. */
  readonly #meanings = new Uint8Array(MOST_NAMES).fill(NOT_LOOKED_UP);
  /** By a name's number: the last span that had it. */
  readonly #spans = new Float64Array(MOST_NAMES);
  #span = 0;
  /** Of the last span with a first, a second … attribute: where that one's name was, its length (-1: none) and number. */
  readonly #starts = new Int32Array(EXPECTED);
  readonly #lengths = new Int32Array(EXPECTED).fill(-1);
  readonly #names = new Int32Array(EXPECTED);
  #attribute = 0;

  /** Begins another export. */
  begin(): void {
    if (this.#table.trim()) this.#meanings.fill(NOT_LOOKED_UP);
    this.#lengths.fill(-1);
  }

  /** Begins another span. */
  beginSpan(): void {
    this.#span += 1;
    this.#attribute = 0;
  }

  /** What the name at a place means, a field's number or {@link STAYS}; each name is met once in a span. */
  meet(walk: Walk, start: number, end: number): number {
    const name = this.#numberOf(walk, start, end);
    if (name >= MOST_NAMES || this.#spans[name] === this.#span) throw unusual;
    this.#spans[name] = this.#span;
    let meaning = this.#meanings[name] ?? UNUSUAL;
    if (meaning === NOT_LOOKED_UP) {
      meaning = meaningOf(this.#table.texts[name] ?? '');
      this.#meanings[name] = meaning;
    }
    if (meaning === UNUSUAL) throw unusual;
    return meaning;
  }

  #numberOf(walk: Walk, start: number, end: number): number {
    const n = this.#attribute;
    this.#attribute += 1;
    const length = end - start;
    if (n < EXPECTED && this.#lengths[n] === length && walk.same(start, this.#starts[n] ?? 0, length))
      return this.#names[n] ?? 0;
    const name = this.#table.ofBytes(walk.bytes, walk.view, start, end);
    if (n < EXPECTED) {
      this.#starts[n] = start;
      this.#lengths[n] = length;
      this.#names[n] = name;
    }
    return name;
  }
}
