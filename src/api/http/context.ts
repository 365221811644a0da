import type { IncomingHttpHeaders } from 'node:http';
import type { ClientOrigin } from '../../domain/provenance.js';
import { readSentAt } from '../../domain/telemetry/sender-clock.js';

const REQUEST_ID = /^[A-Za-z0-9._:/+=-]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const NO_TRACE = '0'.repeat(32);

const single = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** The request's own id where it is a sane one; a log line or a header can take it as it is. */
export const requestIdOf = (headers: IncomingHttpHeaders): string | undefined => {
  const given = single(headers['x-request-id']);
  return given !== undefined && REQUEST_ID.test(given) ? given : undefined;
};

/** The trace that the request belongs to (W3C Trace Context), which then correlates all that it sets off. */
export const traceIdOf = (headers: IncomingHttpHeaders): string | undefined => {
  const trace = TRACEPARENT.exec(single(headers.traceparent) ?? '')?.[1];
  return trace === NO_TRACE ? undefined : trace;
};

const LONGEST_USER_AGENT = 256;

/** From where a request comes, as the audit trail says it. */
export const clientOf = (ip: string, headers: IncomingHttpHeaders): ClientOrigin => {
  const user_agent = single(headers['user-agent'])?.slice(0, LONGEST_USER_AGENT);
  return { address: ip, ...(user_agent && { user_agent }) };
};

/** What a request shows to be let in. */
export interface Credentials {
  readonly bearer?: string;
  readonly api_key?: string;
}

/** `Authorization: Bearer` or `X-API-Key`; a key may stand in either. */
export const credentialsOf = (headers: IncomingHttpHeaders): Credentials | undefined => {
  const key = single(headers['x-api-key']);
  if (key !== undefined) return { api_key: key.trim() };
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  return bearer === undefined ? undefined : { bearer };
};

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** The key as a structured-field string or bare; `null` where it is neither. */
export const idempotencyKeyOf = (headers: IncomingHttpHeaders): string | null | undefined => {
  const given = single(headers['idempotency-key'])?.trim();
  if (given === undefined) return undefined;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(given)?.[1];
  const key = quoted === undefined ? given : quoted.replaceAll(/\\(["\\])/g, '$1');
  return IDEMPOTENCY_KEY.test(key) ? key : null;
};

/** Where a request with telemetry says by which clock it was sent. */
export const SENT_AT_HEADER = 'X-PulseStream-Sent-At';

/** What the sender's clock said, in epoch milliseconds; NaN where it is no time. */
export const sentAtOf = (headers: IncomingHttpHeaders): number | undefined => {
  const given = single(headers[SENT_AT_HEADER.toLowerCase()])?.trim();
  if (given === undefined) return undefined;
  return readSentAt(/^\d{1,15}$/.test(given) ? Number(given) : given);
};

/** The version in `If-Match: "v7"`; `*` asks for no version; `invalid` where it is neither. */
export const expectedVersionOf = (headers: IncomingHttpHeaders): number | 'invalid' | undefined => {
  const given = headers['if-match']?.trim();
  if (given === undefined || given === '*') return undefined;
  const version = /^"v(\d{1,15})"$/.exec(given)?.[1];
  return version === undefined ? 'invalid' : Number(version);
};

/** A version as an entity tag. */
export const etag = (version: number): string => `"v${String(version)}"`;
