import { unescape } from './combined.js';
import { isStatus, malformed, type EntryOutcome } from './entry.js';
import { readTime, UTC } from './times.js';

/** Fields of an access log of AWS's Application Load Balancer, in their order; later ones were added over the years. */
const FIELDS = [
  'type',
  'time',
  'elb',
  'client_port',
  'target_port',
  'request_processing_time',
  'target_processing_time',
  'response_processing_time',
  'elb_status_code',
  'target_status_code',
  'received_bytes',
  'sent_bytes',
  'request',
  'user_agent',
  'ssl_cipher',
  'ssl_protocol',
  'target_group_arn',
  'trace_id',
  'domain_name',
  'chosen_cert_arn',
  'matched_rule_priority',
  'request_creation_time',
  'actions_executed',
  'redirect_url',
  'error_reason',
] as const;
/** What lines had from the beginning: up to the target group. */
const AT_LEAST = 17;

const TYPES = new Set(['http', 'https', 'h2', 'grpcs', 'ws', 'wss']);
const TOKEN = /"((?:[^"\\]|\\.)*)"|(\S+)/gs;
const LONGEST_LINE = 64 * 1024;
/** X-Ray's form of a trace id, whose two parts are what W3C Trace Context writes as one. */
const TRACE = /(?:Root=)?1-([0-9a-f]{8})-([0-9a-f]{24})/;
const REQUEST = /^(\S+) (\S+) ?(.*)$/s;

/** A line's fields, without the quotes round them. */
const tokensOf = (line: string): readonly string[] => {
  const tokens: string[] = [];
  for (const [, quoted, bare] of line.matchAll(TOKEN))
    tokens.push(quoted === undefined ? (bare ?? '') : unescape(quoted));
  return tokens;
};

/** Reads a line of an access log of an Application Load Balancer, whose times are in UTC. */
export const parseAlb = (line: string): EntryOutcome => {
  if (line.length > LONGEST_LINE) return malformed(`longer than ${LONGEST_LINE} characters`);
  const tokens = tokensOf(line);
  if (tokens.length < AT_LEAST || !TYPES.has(tokens[0] ?? ''))
    return malformed('no access log entry of an Application Load Balancer');
  const field = (name: (typeof FIELDS)[number]): string | undefined => {
    const value = tokens[FIELDS.indexOf(name)];
    return value === undefined || value === '-' || value === '' ? undefined : value;
  };
  const integer = (name: (typeof FIELDS)[number]): number | undefined => {
    const value = field(name) ?? '';
    return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  };

  // When the request came in; `time` is when it was answered, and all there was in old lines.
  const created = readTime(field('request_creation_time') ?? '', UTC);
  const time = Number.isNaN(created) ? readTime(field('time') ?? '', UTC) : created;
  if (Number.isNaN(time)) return malformed(`no valid time: ${(field('time') ?? '-').slice(0, 40)}`);
  const status = integer('elb_status_code');
  if (field('elb_status_code') !== undefined && !isStatus(status ?? NaN))
    return malformed(`no valid status: ${(field('elb_status_code') ?? '').slice(0, 20)}`);

  // Seconds, each -1 where the request did not get that far.
  const times = [
    field('request_processing_time'),
    field('target_processing_time'),
    field('response_processing_time'),
  ].map(Number);
  const target_seconds = times[1] ?? -1;
  const [, method, target, protocol] = REQUEST.exec(field('request') ?? '') ?? [];
  const trace = field('trace_id');
  const [, trace_time, trace_rest] = TRACE.exec(trace ?? '') ?? [];
  return {
    ok: true,
    entry: {
      time,
      method: method === '-' ? undefined : method,
      target: target === '-' ? undefined : target,
      status,
      duration_ms: times.every((seconds) => seconds >= 0)
        ? times.reduce((sum, seconds) => sum + seconds, 0) * 1000
        : undefined,
      request_bytes: integer('received_bytes'),
      response_bytes: integer('sent_bytes'),
      trace_id: trace_time !== undefined && trace_rest !== undefined ? trace_time + trace_rest : trace,
      attributes: {
        user_agent: field('user_agent'),
        protocol: protocol === '-' ? undefined : protocol?.trim(),
        host: field('domain_name'),
        load_balancer: field('elb'),
        upstream_status: integer('target_status_code'),
        upstream_ms: target_seconds >= 0 ? Math.round(target_seconds * 1e6) / 1e3 : undefined,
        error: field('error_reason'),
      },
    },
  };
};
