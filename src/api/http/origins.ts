import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

const ALLOWED_HEADERS =
  'Authorization, X-API-Key, Content-Type, Content-Encoding, Idempotency-Key, If-Match, X-Request-Id, X-PulseStream-Sent-At, X-PulseStream-Origin, traceparent';
const EXPOSED_HEADERS =
  'ETag, Link, Retry-After, RateLimit, RateLimit-Policy, X-PulseStream-Position, X-Request-Id, Idempotency-Replayed';

/** Whether a browser's page of that origin may call: its own and the configured ones. Not a browser: no origin. */
export const originAllowed = (
  request: Pick<IncomingMessage, 'headers'>,
  config: { readonly cors_origins: readonly string[]; readonly public_url?: string },
): boolean => {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  if (config.cors_origins.includes(origin) || config.cors_origins.includes('*')) return true;
  if (!URL.canParse(origin)) return false;
  if (config.public_url !== undefined && new URL(config.public_url).origin === origin) return true;
  return new URL(origin).host === host;
};

/** Answers a preflight and marks answers for the configured origins; true where the request is answered with it. */
export const cors = (
  request: IncomingMessage,
  response: ServerResponse,
  origins: readonly string[],
): boolean => {
  const { origin } = request.headers;
  if (origin === undefined || origins.length === 0) return false;
  response.setHeader('Vary', 'Origin');
  if (!origins.includes(origin) && !origins.includes('*')) return false;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined)
    return false;
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE',
    'Access-Control-Allow-Headers': ALLOWED_HEADERS,
    'Access-Control-Max-Age': '600',
  });
  response.end();
  return true;
};

/** The client's address; with proxies in front, the one that the outermost trusted proxy saw. */
export const clientAddress = (
  request: {
    readonly headers: IncomingHttpHeaders;
    readonly socket: { readonly remoteAddress?: string | undefined };
  },
  proxies: number,
): string => {
  const peer = request.socket.remoteAddress ?? '';
  if (proxies === 0) return peer;
  const forwarded = request.headers['x-forwarded-for'];
  const hops = (typeof forwarded === 'string' ? forwarded : '').split(',').map((hop) => hop.trim());
  return hops.at(-proxies) || peer;
};
