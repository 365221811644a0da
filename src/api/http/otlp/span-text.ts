import { SERVER_SPAN, STATUS_ERROR } from '../../../domain/telemetry/otlp/model.js';
import { redactedTarget } from '../../../domain/telemetry/redact.js';
import {
  CONSUMER,
  METHOD,
  PATH,
  QUERY,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  ROUTE,
  USER,
} from './attribute-names.js';
import { piece, type JsonLines, type Piece } from './json-lines.js';
import type { PlainSpan } from './plain-span.js';
import { unusual } from './walk.js';

/** What redacting may add to a path. */
const MOST_REDACTED = 256;

const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;
const COLON = 0x3a;
const QUOTE = 0x22;

const OPEN = piece('{"id":"');
/** Where in a span's line the client's id of the event is, `trace id:span id`. */
export const ID_AT = OPEN.length;
export const ID_LENGTH = TRACE_DIGITS + 1 + SPAN_DIGITS;

const API_CALL = piece('","type":"api_call"');
const OUTBOUND_CALL = piece('","type":"outbound_call"');
const TIMESTAMP = piece(',"timestamp":');
const METHOD_TEXT = piece(',"method":"');
const ROUTE_TEXT = piece(',"route":"');
const PATH_TEXT = piece(',"path":"');
const STATUS_CODE = piece(',"status_code":');
const DURATION = piece(',"duration_ms":');
const REQUEST_SIZE = piece(',"request_bytes":');
const RESPONSE_SIZE = piece(',"response_bytes":');
const USER_ID = piece(',"user_id":"');
const CONSUMER_TEXT = piece(',"consumer":"');
const TRACE = piece(',"trace_id":"');
const SPAN = piece('","span_id":"');
const SEVERITY = piece(',"severity":"error"');
const MESSAGE = piece(',"message":"');
const PARENT = piece(',"parent_span_id":"');
const NAME = piece(',"span.name":"');
const ATTRIBUTES = piece(',"attributes":{');
const CLOSE_ATTRIBUTES = piece('}}');
const CLOSE = piece('}');

/** What one resource says of each of its spans: members of a JSON object, each behind a comma. */
export interface ResourceText {
  readonly fields: Piece;
  readonly attributes: Piece;
}

/**
 * The path of a span with its query, without the secrets in it; undefined where there is none, or where it is nothing
 * but a path, which stands in the span as it is.
 */
export const targetOf = (span: PlainSpan): string | undefined => {
  if (!span.has(PATH)) return undefined;
  const { walk } = span;
  if (!span.has(QUERY) && walk.isBarePath(span.start(PATH), span.end(PATH))) return undefined;
  const path = walk.latin1(span.start(PATH), span.end(PATH));
  const query = span.has(QUERY) ? walk.latin1(span.start(QUERY), span.end(QUERY)) : '';
  const sent = query === '' ? path : `${path}?${query.replace(/^\?/, '')}`;
  const target = redactedTarget(sent);
  if (target.length > sent.length + MOST_REDACTED) throw unusual;
  return target;
};

const writeText = (out: JsonLines, name: Piece, span: PlainSpan, field: number): void => {
  if (!span.has(field)) return;
  out.piece(name);
  out.copy(span.walk.view, span.start(field), span.end(field));
  out.byte(QUOTE);
};

const writeNumber = (out: JsonLines, name: Piece, number: number): void => {
  out.piece(name);
  out.whole(number);
};

/**
 * Writes a span that was read as an event: what `eventOfSpan` says of it, as a JSON text of one line.
 *
 * @param target what {@link targetOf} says
 */
export const writeSpan = (
  out: JsonLines,
  span: PlainSpan,
  resource: ResourceText,
  target: string | undefined,
): void => {
  const { view, bytes } = span.walk;
  out.piece(OPEN);
  const id = out.length;
  out.hex(bytes, span.trace, span.trace + TRACE_DIGITS / 2);
  out.byte(COLON);
  out.hex(bytes, span.span, span.span + SPAN_DIGITS / 2);
  out.piece(span.kind === SERVER_SPAN ? API_CALL : OUTBOUND_CALL);
  const { time, status_code, duration } = span;
  if (time > 0) writeNumber(out, TIMESTAMP, time);
  out.piece(resource.fields);
  writeText(out, METHOD_TEXT, span, METHOD);
  writeText(out, ROUTE_TEXT, span, ROUTE);
  if (target === undefined) writeText(out, PATH_TEXT, span, PATH);
  else {
    out.piece(PATH_TEXT);
    out.ascii(target);
    out.byte(QUOTE);
  }
  if (status_code > 0) writeNumber(out, STATUS_CODE, status_code);
  if (duration >= 0) {
    out.piece(DURATION);
    out.millionths(duration);
  }
  if (span.number(REQUEST_BYTES) >= 0) writeNumber(out, REQUEST_SIZE, span.number(REQUEST_BYTES));
  if (span.number(RESPONSE_BYTES) >= 0) writeNumber(out, RESPONSE_SIZE, span.number(RESPONSE_BYTES));
  writeText(out, USER_ID, span, USER);
  writeText(out, CONSUMER_TEXT, span, CONSUMER);
  out.piece(TRACE);
  out.again(id, id + TRACE_DIGITS);
  out.piece(SPAN);
  out.again(id + TRACE_DIGITS + 1, id + ID_LENGTH);
  out.byte(QUOTE);
  if (status_code >= 500 || span.code === STATUS_ERROR) out.piece(SEVERITY);
  if (span.message_end > span.message_start) {
    out.piece(MESSAGE);
    out.copy(view, span.message_start, span.message_end);
    out.byte(QUOTE);
  }
  writeAttributes(out, span, resource.attributes);
  out.endLine();
};

/** Closes the event, with its attributes where it has any. */
const writeAttributes = (out: JsonLines, span: PlainSpan, of_resource: Piece): void => {
  const { attributes, walk } = span;
  attributes.piece(of_resource);
  if (span.parent > 0) {
    attributes.piece(PARENT);
    attributes.hex(walk.bytes, span.parent, span.parent + SPAN_DIGITS / 2);
    attributes.byte(QUOTE);
  }
  if (!span.has_usual_name) {
    attributes.piece(NAME);
    attributes.copy(walk.view, span.name_start, span.name_end);
    attributes.byte(QUOTE);
  }
  if (attributes.length === 0) {
    out.piece(CLOSE);
    return;
  }
  out.piece(ATTRIBUTES);
  out.copy(attributes.view, 1, attributes.length);
  out.piece(CLOSE_ATTRIBUTES);
};
