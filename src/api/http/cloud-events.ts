import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { FieldError } from '../../commands/handle.js';
import type { CloudEvent } from '../../domain/telemetry/cloud-event.js';
import { parseJson } from './json.js';
import { problem, type Problem } from './problem.js';

export const STRUCTURED = 'application/cloudevents+json';
export const BATCHED = 'application/cloudevents-batch+json';

export type CloudEvents =
  | {
      readonly ok: true;
      /** In the request's order; one that is no CloudEvent 1.0 is what is wrong with it. */
      readonly events: readonly (CloudEvent | FieldError)[];
      /** What names the request: the same events again make the same text. */
      readonly identity: Buffer;
    }
  | { readonly ok: false; readonly problem: Problem };

const refuse = (status: number, code: string, detail: string): CloudEvents => ({
  ok: false,
  problem: problem(status, code, detail),
});

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wrong = (name: string, code: string, detail: string): FieldError => ({
  pointer: name === '' ? '' : `/${name}`,
  code,
  detail,
});

/** The context attributes of a CloudEvent, from JSON or headers; its data is read elsewhere. */
const contextOf = (fields: Fields, data: { readonly data?: unknown }): CloudEvent | FieldError => {
  if (fields.specversion !== '1.0')
    return wrong('specversion', 'not_supported', 'CloudEvents are taken in version 1.0.');
  for (const name of ['id', 'source', 'type']) {
    const value = fields[name];
    if (typeof value !== 'string' || value === '')
      return wrong(name, 'required', `A CloudEvent needs ${name}, a text that is not empty.`);
    if (value.length > 2048) return wrong(name, 'too_long', `${name} may have 2048 characters.`);
  }
  for (const name of ['subject', 'time', 'traceparent'])
    if (fields[name] !== undefined && fields[name] !== null && typeof fields[name] !== 'string')
      return wrong(name, 'wrong_type', `${name} must be a text.`);
  const text = (name: string): string => String(fields[name]);
  const optional = <N extends string>(name: N): { readonly [K in N]?: string } =>
    (typeof fields[name] === 'string' ? { [name]: fields[name] } : {}) as { readonly [K in N]?: string };
  return {
    id: text('id'),
    source: text('source'),
    type: text('type'),
    ...optional('subject'),
    ...optional('time'),
    ...optional('traceparent'),
    ...data,
  };
};

const isJson = (type: string): boolean => /^[^;]+(?:\/|\+)json *(?:;|$)/i.test(type);

/** Data as bytes: JSON as its value, other text as it is, anything else not at all. */
const dataOf = (bytes: Buffer, type: string): { readonly data?: unknown } => {
  if (bytes.length === 0 || !isUtf8(bytes)) return {};
  if (isJson(type)) {
    const json = parseJson(bytes);
    if (json.ok) return { data: json.value };
  }
  return { data: bytes.toString('utf8') };
};

const structuredOf = (value: unknown): CloudEvent | FieldError => {
  if (!isFields(value)) return wrong('', 'wrong_type', 'A CloudEvent is an object.');
  const { data, data_base64, datacontenttype } = value;
  const type = typeof datacontenttype === 'string' ? datacontenttype : 'application/json';
  if (data_base64 === undefined) return contextOf(value, data === undefined ? {} : { data });
  if (data !== undefined || typeof data_base64 !== 'string')
    return wrong('data_base64', 'wrong_type', 'Data is either data, or data_base64 with a text.');
  return contextOf(value, dataOf(Buffer.from(data_base64, 'base64'), type));
};

const decoded = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
};

const binaryOf = (body: Buffer, headers: IncomingHttpHeaders): CloudEvents => {
  const fields = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('ce-') && typeof value === 'string' ? [[name.slice(3), decoded(value)] as const] : [],
    ),
  );
  const type = headers['content-type'] ?? '';
  const context = JSON.stringify([type, Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))]);
  return {
    ok: true,
    events: [contextOf(fields, dataOf(body, type))],
    identity: Buffer.concat([Buffer.from(context), body]),
  };
};

/**
 * Reads a request's CloudEvents, of which there may be so many: structured or batched by its media type, else binary
 * by its `ce-` headers.
 */
export const readCloudEvents = (body: Buffer, headers: IncomingHttpHeaders, limit: number): CloudEvents => {
  const [media = ''] = (headers['content-type'] ?? '').toLowerCase().split(';', 1);
  const type = media.trim();
  if (type === STRUCTURED || type === BATCHED) {
    const json = parseJson(body);
    if (!json.ok) return json;
    if (type === STRUCTURED) return { ok: true, events: [structuredOf(json.value)], identity: body };
    if (!Array.isArray(json.value))
      return refuse(400, 'invalid_batch', 'A batch is an array of CloudEvents.');
    if (json.value.length > limit) return refuse(413, 'too_many_events', `A batch may have ${limit} events.`);
    return { ok: true, events: json.value.map(structuredOf), identity: body };
  }
  if (type.startsWith('application/cloudevents'))
    return refuse(415, 'unsupported_media_type', `Of CloudEvents in other formats, ${STRUCTURED} is taken.`);
  if (headers['ce-specversion'] === undefined)
    return refuse(
      415,
      'unsupported_media_type',
      `Content-Type must be ${STRUCTURED} or ${BATCHED}, or there must be ce- headers.`,
    );
  return binaryOf(body, headers);
};
