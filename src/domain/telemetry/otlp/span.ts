import type { TelemetryEvent } from '../event.js';
import { redactedTarget } from '../redact.js';
import {
  CLIENT_SPAN,
  isSpanId,
  isTraceId,
  millisOf,
  SERVER_SPAN,
  STATUS_ERROR,
  type OtlpMap,
  type OtlpSpan,
} from './model.js';
import { addResource, AttributeList, field, firstInteger, firstText, ofResource } from './values.js';

export type SpanOutcome =
  | { readonly kind: 'event'; readonly event: TelemetryEvent }
  /** Neither a server's nor a client's span of an HTTP request. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'rejected'; readonly reason: string };

/** What else of a request is kept, under the stable name; the others are older names of the same. */
const KEPT: readonly (readonly [string, ...string[]])[] = [
  ['error.type'],
  ['client.address', 'http.client_ip', 'net.peer.ip', 'net.sock.peer.addr'],
  ['server.address', 'http.host', 'net.host.name', 'net.peer.name'],
  ['server.port', 'net.host.port', 'net.peer.port'],
  ['user_agent.original', 'http.user_agent'],
];

/** Attributes that have become fields, or that hold an address with its secrets. */
const USED = new Set([
  ...KEPT.flat(),
  'http.request.method',
  'http.request.method_original',
  'http.method',
  'url.path',
  'url.query',
  'url.full',
  'url.fragment',
  'http.target',
  'http.url',
  'http.route',
  'http.response.status_code',
  'http.status_code',
  'http.status_text',
  'http.request.body.size',
  'http.request_content_length',
  'http.response.body.size',
  'http.response_content_length',
  'enduser.id',
  'user.id',
]);

/** Bodies and headers are never taken. */
const isContent = (name: string): boolean =>
  /^http\.(?:request|response)\.(?:header|body)\./.test(name) ||
  /^http\.(?:request|response)\.body$/.test(name);

const methodOf = (attributes: OtlpMap): string | undefined => {
  const method = firstText(attributes, 'http.request.method', 'http.method');
  return method === '_OTHER' ? (firstText(attributes, 'http.request.method_original') ?? method) : method;
};

const targetOf = (attributes: OtlpMap): string | undefined => {
  const path = firstText(attributes, 'url.path');
  if (path === undefined) return firstText(attributes, 'url.full', 'http.target', 'http.url');
  const query = firstText(attributes, 'url.query');
  return query === undefined ? path : `${path}?${query.replace(/^\?/, '')}`;
};

const statusOf = (attributes: OtlpMap): number | undefined => {
  const status = firstInteger(attributes, 'http.response.status_code', 'http.status_code');
  return status !== undefined && status >= 100 && status <= 599 ? status : undefined;
};

/** The old names of client and server address mean the peer, which for a client is the server. */
const keptNames = (names: readonly string[], server: boolean): readonly string[] =>
  names.filter((name) =>
    server
      ? name !== 'net.peer.name' && name !== 'net.peer.port'
      : name !== 'net.host.name' &&
        name !== 'net.host.port' &&
        name !== 'net.peer.ip' &&
        name !== 'net.sock.peer.addr',
  );

const durationOf = ({ start, end }: OtlpSpan): { readonly duration_ms?: number } => {
  const duration_ms = Number(end - start) / 1e6;
  return start > 0n && duration_ms >= 0 && duration_ms <= 1e9 ? { duration_ms } : {};
};

/** A span as an event, by the HTTP semantic conventions: the stable names, the older ones where those are absent. */
export const eventOfSpan = (span: OtlpSpan): SpanOutcome => {
  const { attributes, resource } = span;
  if (!isTraceId(span.trace_id))
    return { kind: 'rejected', reason: 'A trace id has 16 bytes that are not all zero.' };
  if (!isSpanId(span.span_id))
    return { kind: 'rejected', reason: 'A span id has 8 bytes that are not all zero.' };
  const method = methodOf(attributes);
  const server = span.kind === SERVER_SPAN;
  if (method === undefined || !(server || span.kind === CLIENT_SPAN)) return { kind: 'ignored' };

  const target = targetOf(attributes);
  const route = firstText(attributes, 'http.route');
  const status_code = statusOf(attributes);
  const timestamp = millisOf(span.start) ?? millisOf(span.end);
  const request_bytes = firstInteger(attributes, 'http.request.body.size', 'http.request_content_length');
  const response_bytes = firstInteger(attributes, 'http.response.body.size', 'http.response_content_length');
  // A server that answers 4xx has done its work; a client that gets one has failed.
  const failed = (status_code ?? 0) >= 500 || span.status_code === STATUS_ERROR;

  const list = new AttributeList();
  for (const names of KEPT) {
    const [name] = names;
    list.add(name, firstValue(attributes, keptNames(names, server)));
  }
  addResource(list, resource);
  if (isSpanId(span.parent_span_id)) list.add('parent_span_id', span.parent_span_id);
  if (span.name !== `${method} ${route ?? ''}`.trimEnd()) list.add('span.name', span.name);
  for (const [name, value] of attributes) if (!USED.has(name) && !isContent(name)) list.add(name, value);

  return {
    kind: 'event',
    event: {
      id: `${span.trace_id}:${span.span_id}`,
      type: server ? 'api_call' : 'outbound_call',
      ...(timestamp !== undefined && { timestamp }),
      ...ofResource(resource),
      ...field('method', method, 32),
      ...field('route', route, 512),
      ...field('path', target === undefined ? undefined : redactedTarget(target), 8192),
      ...(status_code !== undefined && { status_code }),
      ...durationOf(span),
      ...(request_bytes !== undefined && { request_bytes }),
      ...(response_bytes !== undefined && { response_bytes }),
      ...field('user_id', firstText(attributes, 'user.id'), 256),
      ...field('consumer', firstText(attributes, 'enduser.id'), 256),
      trace_id: span.trace_id,
      span_id: span.span_id,
      ...(failed && { severity: 'error' }),
      ...field('message', span.status_message, 65_536),
      ...list.field(),
    },
  };
};

const firstValue = (attributes: OtlpMap, names: readonly string[]) => {
  const name = names.find((candidate) => attributes.has(candidate));
  return name === undefined ? undefined : attributes.get(name);
};
