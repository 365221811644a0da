import type { OtlpMap } from '../../../domain/telemetry/otlp/model.js';
import { eventOfSpan } from '../../../domain/telemetry/otlp/span.js';
import { addResource, AttributeList, ofResource } from '../../../domain/telemetry/otlp/values.js';
import { Budget, MAX_RECORDS } from './budget.js';
import { JsonLines } from './json-lines.js';
import { readOneSpan, readResource } from './protobuf.js';
import { PlainSpan } from './plain-span.js';
import { delimited, unusual, Walk } from './walk.js';

/** An export's spans as events: their JSON texts, made from the wire without objects in between. */
export interface SpanLines {
  /** The events, a line break between them. */
  readonly lines: Buffer;
  readonly events: number;
  /** Spans of any kind. */
  readonly spans: number;
  readonly ignored: number;
  readonly rejected: number;
  readonly reasons: readonly string[];
}

const RESOURCE_SPANS = delimited(1);
const RESOURCE = delimited(1);
const SCOPE_SPANS = delimited(2);
const SCOPE = delimited(1);
const SCOPE_NAME = delimited(1);
const SPAN = delimited(2);

/** Room in a line for what is not in its span: names of fields, ids a second time, punctuation. */
const LINE_ROOM = 1024;
/** Bytes of a resource's attributes with which a plain span's stay below their bound together. */
const LONGEST_RESOURCE = 8192;

/** What one resource says of each of its spans, as members of a JSON object. */
interface ResourceText {
  readonly fields: Buffer;
  readonly attributes: Buffer;
}

const members = (value: object): Buffer => Buffer.from(JSON.stringify(value).slice(1, -1));

const resourceText = (resource: OtlpMap): ResourceText => {
  const list = new AttributeList();
  addResource(list, resource);
  return { fields: members(ofResource(resource)), attributes: members(list.field().attributes ?? {}) };
};

/**
 * Reads an ExportTraceServiceRequest whose spans are mostly plain (see {@link PlainSpan}). One that is not is decoded
 * to an object and mapped by {@link eventOfSpan}, which defines what is right; undefined where the whole export has to
 * go that way, because it is not valid or too large.
 */
export const spanLines = (body: Buffer): SpanLines | undefined => {
  try {
    return new Export(body).read();
  } catch (error) {
    if (error === unusual) return undefined;
    throw error;
  }
};

class Export {
  readonly #walk: Walk;
  readonly #span: PlainSpan;
  readonly #out: JsonLines;
  readonly #reasons = new Set<string>();
  readonly #budget = new Budget();
  #events = 0;
  #spans = 0;
  #ignored = 0;
  #rejected = 0;

  constructor(private readonly body: Buffer) {
    this.#walk = new Walk(body);
    this.#span = new PlainSpan(this.#walk);
    this.#out = new JsonLines(body.length * 2 + LINE_ROOM);
  }

  read(): SpanLines {
    this.#each(0, this.body.length, (tag, start, end) => {
      if (tag === RESOURCE_SPANS) this.#resourceSpans(start, end);
    });
    return {
      lines: this.#out.lines(),
      events: this.#events,
      spans: this.#spans,
      ignored: this.#ignored,
      rejected: this.#rejected,
      reasons: [...this.#reasons],
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
    const [resource = new Map<string, never>(), another] = found;
    if (another) throw unusual;
    const text = resourceText(resource);
    this.#each(from, to, (tag, start, end) => {
      if (tag === SCOPE_SPANS) this.#scopeSpans(start, end, resource, text);
    });
  }

  #scopeSpans(from: number, to: number, resource: OtlpMap, text: ResourceText): void {
    this.#each(from, to, (tag, start, end) => {
      if (tag === SPAN) this.#oneSpan(start, end, resource, text);
      else if (tag === SCOPE) this.#scope(start, end);
    });
  }

  /** The name of what made the spans is not kept, but has to be a text. */
  #scope(from: number, to: number): void {
    this.#each(from, to, (tag, start, end) => {
      if (tag === SCOPE_NAME && !this.#walk.isPlain(start, end)) throw unusual;
    });
  }

  #oneSpan(from: number, to: number, resource: OtlpMap, text: ResourceText): void {
    this.#spans += 1;
    if (this.#spans > MAX_RECORDS) throw unusual;
    if (!this.#plainSpan(from, to, text)) this.#decodedSpan(this.body.subarray(from, to), resource);
  }

  /** Whether the span was plain, and has been dealt with. */
  #plainSpan(from: number, to: number, text: ResourceText): boolean {
    if (text.attributes.length > LONGEST_RESOURCE) return false;
    const before = this.#out.length;
    this.#out.reserve((to - from) * 2 + text.fields.length + text.attributes.length + LINE_ROOM);
    try {
      if (this.#span.read(from, to)) {
        this.#span.write(this.#out, text);
        this.#events += 1;
      } else this.#ignored += 1;
      return true;
    } catch (error) {
      if (error !== unusual) throw error;
      this.#out.back(before);
      return false;
    }
  }

  #decodedSpan(bytes: Uint8Array, resource: OtlpMap): void {
    const span = readOneSpan(bytes, resource, this.#budget);
    if (!span) throw unusual;
    const outcome = eventOfSpan(span);
    if (outcome.kind === 'ignored') this.#ignored += 1;
    else if (outcome.kind === 'rejected') {
      this.#rejected += 1;
      this.#reasons.add(outcome.reason);
    } else {
      const json = JSON.stringify(outcome.event);
      this.#out.reserve(3 * json.length + 1);
      this.#out.utf8(json);
      this.#out.endLine();
      this.#events += 1;
    }
  }
}
