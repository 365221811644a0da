import { isStatus, malformed, type Entry, type EntryOutcome } from './entry.js';
import { readTime, type TimeZone } from './times.js';

/** The unit of the request time behind the user agent. */
export type DurationUnit = 's' | 'ms' | 'us';

/**
 * Apache's `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"` and nginx's `combined`, with or without the last
 * two, with a virtual host before them, and with more behind them. Inside quotes both escape `"` and `\`, or write
 * bytes as `\x22`.
 */
const LINE =
  /^(\S+) (\S+) ([^[]+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?(\s.*)?$/s;
const REQUEST = /^([A-Za-z_-]{1,32}) (.+?)(?: (HTTP\/\d(?:\.\d)?))?$/s;
const TOKEN = /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S+/g;

const LONGEST_LINE = 32 * 1024;
const PER_UNIT = { s: 1000, ms: 1, us: 0.001 };
const SINGLE: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', v: '\v', f: '\f' };

const utf8 = new TextDecoder();

/** What stood there before it was escaped; bytes that were escaped one by one are UTF-8. */
export const unescape = (text: string): string =>
  text.includes('\\')
    ? text.replace(
        /((?:\\x[0-9A-Fa-f]{2})+)|\\(.)/gs,
        (_, bytes: string | undefined, plain: string | undefined) =>
          bytes === undefined
            ? (SINGLE[plain ?? ''] ?? plain ?? '')
            : utf8.decode(
                Uint8Array.from(bytes.slice(2).split('\\x'), (hexadecimal) => parseInt(hexadecimal, 16)),
              ),
      )
    : text;

const unquoted = (token: string): string => (token.startsWith('"') ? token.slice(1, -1) : token);

const present = (text: string | undefined): string | undefined =>
  text === undefined || text === '-' || text === '' ? undefined : unescape(text);

/** Milliseconds of an upstream's time in seconds; of several that were tried (`0.1, 0.2 : 0.3`) the sum. */
const upstreamMillis = (text: string): number | undefined => {
  const times = text.split(/[,:\s]+/).filter((part) => part !== '' && part !== '-');
  if (times.length === 0 || !times.every((time) => /^\d+\.\d+$/.test(time))) return undefined;
  return Math.round(times.reduce((sum, time) => sum + Number(time), 0) * 1e6) / 1e3;
};

type Timing = Pick<Entry, 'duration_ms' | 'request_bytes'> & {
  /** Bytes sent, headers included. */
  readonly sent_bytes?: number;
  readonly upstream_ms?: number | undefined;
};

const NAMED = /^(rt|request_time|req_time|urt|upstream_response_time)[=:](.*)$/i;

/**
 * What stands behind the user agent, as it is usually put there:
 * nginx `$request_time`, bare or as `rt=`, then `$upstream_response_time`, bare or as `urt=`: seconds with decimals;
 * before it `$request_length`, as the ingress controller for Kubernetes logs it; Apache `%D`: whole microseconds;
 * `%T/%D`; `%I %O`: bytes in and out (`combinedio`). A unit that is given reads the first number in that unit.
 */
const timingOf = (tail: string, unit: DurationUnit | undefined): Timing => {
  const tokens = (tail.match(TOKEN) ?? []).map(unquoted);
  const named = new Map<string, string>();
  for (const token of tokens) {
    const [, name, value] = NAMED.exec(token) ?? [];
    if (name !== undefined && value !== undefined) named.set(name.toLowerCase(), unquoted(value));
  }
  const request = named.get('rt') ?? named.get('request_time') ?? named.get('req_time');
  const upstream = named.get('urt') ?? named.get('upstream_response_time');
  if (request !== undefined || upstream !== undefined)
    return {
      ...(request !== undefined &&
        /^\d+(?:\.\d+)?$/.test(request) && { duration_ms: Number(request) * PER_UNIT[unit ?? 's'] }),
      ...(upstream !== undefined && { upstream_ms: upstreamMillis(upstream) }),
    };

  const numbers = tokens.filter((token) => /^\d{1,15}(?:\.\d{1,9})?$/.test(token));
  const [first] = numbers;
  if (unit !== undefined) return first === undefined ? {} : { duration_ms: Number(first) * PER_UNIT[unit] };

  const decimal = tokens.findIndex((token) => /^\d{1,9}\.\d{1,9}$/.test(token));
  if (decimal >= 0) {
    const length = tokens[decimal - 1] ?? '';
    const upstream_ms = tokens
      .slice(decimal + 1)
      .map(upstreamMillis)
      .find((time) => time !== undefined);
    return {
      duration_ms: Number(tokens[decimal]) * 1000,
      ...(/^\d{1,15}$/.test(length) && { request_bytes: Number(length) }),
      ...(upstream_ms !== undefined && { upstream_ms }),
    };
  }
  const both = tokens.map((token) => /^\d+\/(\d+)$/.exec(token)?.[1]).find((found) => found !== undefined);
  if (both !== undefined) return { duration_ms: Number(both) / 1000 };
  if (numbers.length === 2) return { request_bytes: Number(first), sent_bytes: Number(numbers[1]) };
  return numbers.length === 1 ? { duration_ms: Number(first) / 1000 } : {};
};

/** Reads a line of Apache's or nginx's common or combined log format. */
export const parseCombined = (line: string, zone: TimeZone, unit?: DurationUnit): EntryOutcome => {
  if (line.length > LONGEST_LINE) return malformed(`longer than ${LONGEST_LINE} characters`);
  const parts = LINE.exec(line.trimEnd());
  if (!parts) return malformed('not in the common or combined log format');
  const [, , , , logged = '', request = '', status = '', bytes = '', referrer, user_agent, tail = ''] = parts;
  const time = readTime(logged, zone);
  if (Number.isNaN(time)) return malformed(`no valid time: ${logged.slice(0, 40)}`);
  if (!isStatus(Number(status))) return malformed(`no valid status: ${status}`);

  // A request line that is none (`-`, a TLS hello) was answered all the same: method and path are then unknown.
  const [, method, target, protocol] = REQUEST.exec(unescape(request)) ?? [];
  const { sent_bytes, upstream_ms, ...timing } = tail.trim() === '' ? ({} as Timing) : timingOf(tail, unit);
  return {
    ok: true,
    entry: {
      time,
      method,
      target,
      status: Number(status),
      response_bytes: bytes === '-' ? undefined : Number(bytes),
      ...timing,
      referrer: present(referrer),
      attributes: { user_agent: present(user_agent), protocol, upstream_ms, sent_bytes },
    },
  };
};
