import { TelemetryEvent } from '../event.js';
import { parseAlb } from './alb.js';
import { parseCaddy } from './caddy.js';
import { parseCombined, type DurationUnit } from './combined.js';
import { eventOf, malformed, type EntryOutcome, type Labels } from './entry.js';
import { parseEnvoy } from './envoy.js';
import { objectOf } from './json-line.js';
import { UTC, type TimeZone } from './times.js';

/** What the lines of a log do not say by themselves. */
export interface Reading {
  readonly labels: Labels;
  /** Of times that have no zone of their own. */
  readonly zone: TimeZone;
  /** Of the request time in a combined log; absent, it is told by its form. */
  readonly duration_unit?: DurationUnit;
}

export type LineOutcome =
  | {
      readonly ok: true;
      /** A JSON object on one line: the event. */
      readonly text: string;
      /** Whether it has an `id` of its own. */
      readonly named: boolean;
    }
  | { readonly ok: false; readonly reason: string };

/** A format of log files, one event a line. */
export interface LogFormat {
  readonly name: string;
  readonly title: string;
  /** Other names that people look for it by. */
  readonly aliases: readonly string[];
  /** The service of its events where none is given. */
  readonly service?: string;
  /** Never throws, whatever the line. */
  readonly read: (line: string, reading: Reading) => LineOutcome;
  /** Whether a line is surely of this format. */
  readonly isOf: (line: string) => boolean;
  /**
   * Whether a line that is read, and that no line break ends, must be all of it: what is not yet written of it could
   * only follow on the next line. `before` is the newest line before it that is read.
   */
  readonly isWhole: (line: string, before: string | undefined) => boolean;
}

const TOKENS = /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S+/g;
const tokens = (line: string): number => line.match(TOKENS)?.length ?? 0;

/** A text's last field is whole where it is quoted; there are no more of them where the line before has no more. */
const endsInQuotes = (line: string, before: string | undefined): boolean =>
  line.endsWith('"') && (before === undefined || tokens(line) === tokens(before));

const format = (
  spec: Omit<LogFormat, 'read' | 'isOf'> & {
    readonly parse: (line: string, reading: Reading) => EntryOutcome;
  },
): LogFormat => {
  const { parse, ...rest } = spec;
  const read = (line: string, reading: Reading): LineOutcome => {
    const parsed = parse(line, reading);
    if (!parsed.ok) return parsed;
    const made = eventOf(parsed.entry, reading.labels);
    return made.ok ? { ok: true, text: JSON.stringify(made.event), named: false } : made;
  };
  return { ...rest, read, isOf: (line) => read(line, { labels: {}, zone: UTC }).ok };
};

const combined = format({
  name: 'combined',
  title: 'nginx and Apache: common and combined, with or without a request time',
  aliases: ['nginx', 'apache', 'common', 'clf'],
  service: 'web',
  parse: (line, { zone, duration_unit }) => parseCombined(line, zone, duration_unit),
  isWhole: endsInQuotes,
});

const alb = format({
  name: 'alb',
  title: 'AWS Application Load Balancer',
  aliases: ['aws-alb', 'elb'],
  service: 'web',
  parse: parseAlb,
  isWhole: endsInQuotes,
});

const caddy = format({
  name: 'caddy',
  title: 'Caddy, JSON',
  aliases: [],
  service: 'web',
  parse: (line, { zone }) => parseCaddy(line, zone),
  isWhole: () => true,
});

const envoy = format({
  name: 'envoy',
  title: 'Envoy, JSON',
  aliases: ['istio'],
  service: 'web',
  parse: (line, { zone }) => parseEnvoy(line, zone),
  isWhole: () => true,
});

const TYPE = /^[a-z][a-z0-9_.-]{0,63}$/;
const FIELDS = new Set(Object.keys(TelemetryEvent.properties));

/**
 * Our own events. The text stays as it is, so that numbers keep all their digits; labels are added where the event has
 * none. What is wrong with it is for the server to say.
 */
const readOwn = (line: string, { labels }: Reading): LineOutcome => {
  const read = objectOf(line);
  if (!read.ok) return read;
  const { fields } = read;
  if (!Object.hasOwn(fields, 'type')) return malformed('no type: not an event');
  const missing = Object.entries(labels).filter(([name]) => !Object.hasOwn(fields, name));
  const rest = line.trim().slice(1);
  const added = missing.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)},`).join('');
  return { ok: true, text: `{${added}${rest.trimStart()}`, named: Object.hasOwn(fields, 'id') };
};

const ndjson: LogFormat = {
  name: 'ndjson',
  title: 'PulseStream events, JSON',
  aliases: ['jsonl', 'events'],
  read: readOwn,
  isOf: (line) => {
    const read = objectOf(line);
    return (
      read.ok &&
      typeof read.fields['type'] === 'string' &&
      TYPE.test(read.fields['type']) &&
      Object.keys(read.fields).every((name) => FIELDS.has(name))
    );
  },
  isWhole: () => true,
};

/** Every format, the one that says most about its lines first. */
export const formats: readonly LogFormat[] = [ndjson, caddy, envoy, alb, combined];

export const formatNamed = (name: string): LogFormat | undefined =>
  formats.find((one) => one.name === name || one.aliases.includes(name));

/** The format of the first line that is of any: what comes behind it cannot change the answer. */
export const recognise = (lines: readonly string[]): LogFormat | undefined => {
  for (const line of lines) {
    const found = formats.find((one) => one.isOf(line));
    if (found) return found;
  }
  return undefined;
};
