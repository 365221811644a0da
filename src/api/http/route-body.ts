import type { IncomingHttpHeaders } from 'node:http';
import { readBody, type BodyAccount, type BodyLimits, type BodyOutcome, type WithBody } from './body.js';
import { parseJson } from './json.js';
import { problem, type Problem } from './problem.js';
import { ANY_MEDIA_TYPE, type JsonBody, type RawBody, type Route } from './route.js';
import { invalid, pass, stop, type Step } from './step.js';

/** Bodies that are parsed here. */
const JSON_LIMITS: BodyLimits = { received: 256 * 1024, decompressed: 256 * 1024 };

const JSON_TYPE = 'application/json';

const mediaTypeOf = ({ 'content-type': given = '' }: IncomingHttpHeaders): string =>
  given === JSON_TYPE ? given : (given.split(';', 1)[0]?.trim().toLowerCase() ?? '');

const hasNoBody = (headers: IncomingHttpHeaders): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;

/** What a body may come to; of several events, what its tenant may send, where that was set. */
const bodyLimits = (body: JsonBody | RawBody, own: number | undefined): BodyLimits => {
  if (!('raw' in body)) return JSON_LIMITS;
  return own !== undefined && body.several ? { received: own, decompressed: own } : body.limits;
};

/** What there is to say where a route takes no body of that kind; undefined where it does, or there is none. */
export const wrongMediaType = (
  { body }: Route,
  headers: IncomingHttpHeaders,
): { readonly ok: false; readonly problem: Problem } | undefined => {
  if (!body || mayBeAbsent(body, headers)) return undefined;
  const media_type = mediaTypeOf(headers);
  if (
    'raw' in body
      ? Object.hasOwn(body.raw, media_type) || ANY_MEDIA_TYPE in body.raw
      : media_type === JSON_TYPE
  )
    return undefined;
  const allowed = 'raw' in body ? Object.keys(body.raw) : [JSON_TYPE];
  return stop(
    problem(415, 'unsupported_media_type', `Content-Type must be ${allowed.join(' or ')}.`, {
      headers: { Accept: allowed.join(', ') },
    }),
  );
};

const mayBeAbsent = (body: JsonBody | RawBody, headers: IncomingHttpHeaders): boolean =>
  'schema' in body && body.optional === true && hasNoBody(headers);

/** A route's body as received; undefined where it has none. */
export const readRouteBody = (
  { body }: Route,
  incoming: WithBody,
  account?: BodyAccount,
  body_bytes?: number,
): BodyOutcome | Promise<BodyOutcome> | undefined =>
  body && !mayBeAbsent(body, incoming.headers)
    ? readBody(incoming, bodyLimits(body, body_bytes), account)
    : undefined;

/** The body as the route takes it. */
export const bodyOf = ({ body, check }: Route, read: BodyOutcome | undefined): Step<unknown> => {
  if (!body) return pass(undefined);
  if (!read) return pass({});
  if (!read.ok) return read;
  if ('raw' in body)
    return read.body.length > 0 || body.may_be_empty
      ? pass(read.body)
      : stop(problem(400, 'empty_body', 'A body is expected; there is none.'));
  const json = parseJson(read.body);
  if (!json.ok) return json;
  const checked = check.body?.(json.value) ?? { ok: true, value: json.value };
  return checked.ok ? pass(checked.value) : invalid('The body is not valid', checked.errors);
};
