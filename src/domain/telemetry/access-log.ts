import type { TelemetryEvent } from './event.js';

export type AccessLogOutcome =
  { readonly ok: true; readonly event: TelemetryEvent } | { readonly ok: false; readonly reason: string };

/** What the log does not say of its requests. */
export interface AccessLogDefaults {
  readonly service: string;
  readonly environment?: string;
}

/**
 * `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`, with or without the last two and with more behind them.
 * Inside quotes Apache and nginx escape `"` and `\`, or write them as `\x22`.
 */
const LINE =
  /^(\S+) (\S+) ([^[]+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?(?:\s.*)?$/s;
const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const REQUEST = /^([A-Za-z_-]{1,32}) (.+?)(?: (HTTP\/\d(?:\.\d)?))?$/s;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const LONGEST_LINE = 32 * 1024;
const LONGEST_PATH = 8192;
const LONGEST_VALUE = 8192;

const unescape = (text: string): string =>
  text.replace(/\\(?:x([0-9A-Fa-f]{2})|(.))/gs, (_, hex: string | undefined, plain: string | undefined) =>
    hex === undefined
      ? ({ n: '\n', r: '\r', t: '\t', b: '\b', v: '\v' }[plain ?? ''] ?? plain ?? '')
      : String.fromCharCode(parseInt(hex, 16)),
  );

const timestampOf = (text: string): string | undefined => {
  const [, day, month, year, hour, minute, second, sign, zone_hours, zone_minutes] = TIME.exec(text) ?? [];
  const month_number = MONTHS.indexOf(month ?? '') + 1;
  if (month_number === 0) return undefined;
  const iso = `${year ?? ''}-${String(month_number).padStart(2, '0')}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}${sign ?? ''}${zone_hours ?? ''}:${zone_minutes ?? ''}`;
  const time = Date.parse(iso);
  // Date.parse lets 31 April be 1 May: what does not come back as written was no date.
  if (Number.isNaN(time) || new Date(iso.slice(0, 19) + 'Z').getUTCDate() !== Number(day)) return undefined;
  return new Date(time).toISOString();
};

const bounded = (text: string): string => text.slice(0, LONGEST_VALUE);

/**
 * Reads one line of an access log in Apache's and nginx's combined (or common) format as a telemetry event.
 * The client's address and the remote user are personal data that no reader here needs: they are left out.
 */
export const parseAccessLogLine = (line: string, defaults: AccessLogDefaults): AccessLogOutcome => {
  const fail = (reason: string): AccessLogOutcome => ({ ok: false, reason });
  if (line.length > LONGEST_LINE) return fail(`longer than ${LONGEST_LINE} characters`);
  const parts = LINE.exec(line.trimEnd());
  if (!parts) return fail('not in the combined log format');
  const [, , , , time = '', request = '', status = '', bytes = '', referrer = '-', user_agent = '-'] = parts;

  const timestamp = timestampOf(time);
  if (timestamp === undefined) return fail(`no valid time: ${time.slice(0, 40)}`);
  const status_code = Number(status);
  if (status_code < 100 || status_code > 599) return fail(`no valid status: ${status}`);

  // A request line that is none (`-`, a TLS hello) was answered all the same: method and path are then unknown.
  const [, method, target, protocol] = REQUEST.exec(unescape(request)) ?? [];
  if (target !== undefined && target.length > LONGEST_PATH)
    return fail(`a path longer than ${LONGEST_PATH} characters`);
  const attributes = {
    ...(referrer !== '-' && referrer !== '' && { referrer: bounded(unescape(referrer)) }),
    ...(user_agent !== '-' && user_agent !== '' && { user_agent: bounded(unescape(user_agent)) }),
    ...(protocol !== undefined && { protocol }),
  };
  return {
    ok: true,
    event: {
      type: 'api_call',
      timestamp,
      ...defaults,
      ...(method !== undefined && { method }),
      ...(target !== undefined && { path: target }),
      status_code,
      ...(bytes !== '-' && Number.isSafeInteger(Number(bytes)) && { response_bytes: Number(bytes) }),
      ...(Object.keys(attributes).length > 0 && { attributes }),
    },
  };
};
