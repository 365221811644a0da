import { isStatus, malformed, type EntryOutcome } from './entry.js';
import { fieldsAt, numberOf, objectOf, scalarOf, textOf, type JsonFields } from './json-line.js';
import { readTime, type TimeZone } from './times.js';

/** The first value of a header; Caddy logs each with all its values. */
const header = (headers: JsonFields, name: string): string | undefined => {
  const values = Object.hasOwn(headers, name) ? headers[name] : undefined;
  const first: unknown = Array.isArray(values) ? values[0] : values;
  return typeof first === 'string' ? first : undefined;
};

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1e3 };
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/gy;

/** Milliseconds of a duration: a number of seconds, or Go's text (`1m2.5s`, `850.3µs`), by `duration_format`. */
const durationOf = (value: string | number | undefined): number | undefined => {
  if (typeof value !== 'string') return value === undefined ? undefined : value * 1000;
  let total = 0;
  let end = 0;
  for (const match of value.matchAll(PART)) {
    const [whole, amount = '', unit = ''] = match;
    total += Number(amount) * (unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : (UNITS[unit] ?? NaN));
    end = match.index + whole.length;
  }
  return end > 0 && end === value.length ? total : undefined;
};

/** Reads a line of Caddy's JSON access log (version 2), with its times as numbers or texts. */
export const parseCaddy = (line: string, zone: TimeZone): EntryOutcome => {
  const read = objectOf(line);
  if (!read.ok) return read;
  const { fields } = read;
  const request = fieldsAt(fields, 'request');
  const status = numberOf(fields, 'status');
  if (status === undefined || textOf(request, 'method') === undefined)
    return malformed('no access log entry of Caddy');
  if (!isStatus(status)) return malformed(`no valid status: ${status}`);
  const logged = scalarOf(fields, ['ts', 'time', 'timestamp']) ?? '';
  const time = readTime(logged, zone);
  if (Number.isNaN(time)) return malformed(`no valid time: ${String(logged).slice(0, 40)}`);

  const headers = fieldsAt(request, 'headers');
  return {
    ok: true,
    entry: {
      time,
      method: textOf(request, 'method'),
      target: textOf(request, 'uri'),
      status,
      duration_ms: durationOf(scalarOf(fields, ['duration'])),
      request_bytes: numberOf(fields, 'bytes_read'),
      response_bytes: numberOf(fields, 'size'),
      trace_id: textOf(fields, 'traceID', 'trace_id'),
      referrer: header(headers, 'Referer'),
      attributes: {
        user_agent: header(headers, 'User-Agent'),
        protocol: textOf(request, 'proto'),
        host: textOf(request, 'host'),
        request_id: textOf(fields, 'uuid', 'request_id'),
      },
    },
  };
};
