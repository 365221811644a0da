import { hostname } from 'node:os';
import { resolve } from 'node:path';

/** What a variable of the environment means: how its text is read, what holds where it is absent, what it is for. */
interface Variable<T> {
  readonly doc: string;
  /** As text, the way it would stand in `.env`; absent: the variable may be missing. */
  readonly default?: string;
  readonly secret?: boolean;
  /** Throws an Error whose message says what is allowed. */
  readonly read: (text: string) => T;
}

const text = (value: string): string => value;

const integer =
  (min: number, max: number) =>
  (value: string): number => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < min || number > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return number;
  };

const boolean = (value: string): boolean => {
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  if (/^(false|0|no|off|)$/i.test(value)) return false;
  throw new Error('must be true or false');
};

const oneOf =
  <T extends string>(...allowed: readonly T[]) =>
  (value: string): T => {
    const found = allowed.find((option) => option === value);
    if (found === undefined) throw new Error(`must be one of ${allowed.join(', ')}`);
    return found;
  };

const url =
  (...protocols: readonly string[]) =>
  (value: string): string => {
    if (!protocols.some((protocol) => value.startsWith(`${protocol}://`)))
      throw new Error(`must begin with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`);
    return value;
  };

const list = (value: string): readonly string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const secret = (value: string): string => {
  if (value.length < 32)
    throw new Error('is weak: at least 32 characters are needed (pulsestream env init makes one)');
  if (new Set(value).size < 10)
    throw new Error('is weak: it repeats itself (pulsestream env init makes one)');
  return value;
};

const define = <const V extends Variable<unknown>>(variable: V): V => variable;

/** Every variable that PulseStream reads; the one list behind `env check`, the documentation and docker-compose.yml. */
export const variables = {
  HOST: define({ doc: 'Address to listen on.', default: '127.0.0.1', read: text }),
  PORT: define({ doc: 'Port to listen on; 0 takes a free one.', default: '8080', read: integer(0, 65_535) }),
  LOG_LEVEL: define({
    doc: 'How much is logged.',
    default: 'info',
    read: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  }),
  DEPLOYMENT_MODE: define({
    doc: 'true holds the deployment guard up: every write is refused.',
    default: 'false',
    read: boolean,
  }),
  EVENTSTOREDB_URL: define({
    doc: 'Connection string of EventStoreDB or KurrentDB; absent: the embedded log.',
    secret: true,
    read: url('esdb', 'esdb+discover', 'kurrentdb', 'kurrentdb+discover'),
  }),
  MONGODB_URL: define({
    doc: 'Connection string of MongoDB; absent: the embedded read store.',
    secret: true,
    read: url('mongodb', 'mongodb+srv'),
  }),
  PULSESTREAM_MONGODB_DATABASE: define({
    doc: 'Database for the read models.',
    default: 'pulsestream',
    read: text,
  }),
  PULSESTREAM_DATA_DIR: define({
    doc: 'Directory of the embedded stores and the keys.',
    default: './data',
    read: (value) => resolve(value),
  }),
  PULSESTREAM_BACKUP_DIR: define({
    doc: 'Where backups of the embedded log go before a deployment; absent: backups in the data directory.',
    read: (value) => resolve(value),
  }),
  PULSESTREAM_SECRET: define({
    doc: 'The server’s secret; signing and encryption keys are derived from it. Absent: keys/secret in the data directory.',
    secret: true,
    read: secret,
  }),
  PULSESTREAM_OPERATOR_TOKEN: define({
    doc: 'What operators show on /_deploy. Absent: keys/operator-token in the data directory.',
    secret: true,
    read: secret,
  }),
  PULSESTREAM_RELEASE: define({
    doc: 'The release that records are marked with; absent: the package’s version.',
    read: text,
  }),
  PULSESTREAM_INSTANCE_ID: define({
    doc: 'Names this process in records; unique among those that run side by side.',
    default: hostname(),
    read: text,
  }),
  PULSESTREAM_SHARD: define({
    doc: 'Shard of the telemetry streams that this process writes; unique among those that run side by side.',
    default: '0',
    read: (value) => {
      if (!/^[a-z0-9]{1,32}$/.test(value)) throw new Error('must be 1 to 32 of a-z and 0-9');
      return value;
    },
  }),
  PULSESTREAM_PUBLIC_URL: define({
    doc: 'Address at which browsers reach this server, where it differs from HOST and PORT.',
    read: url('http', 'https'),
  }),
  PULSESTREAM_CORS_ORIGINS: define({
    doc: 'Origins besides its own that browsers may call from, separated by commas.',
    default: '',
    read: list,
  }),
  PULSESTREAM_TRUST_PROXY: define({
    doc: 'How many reverse proxies stand in front; their X-Forwarded-For is believed.',
    default: '0',
    read: integer(0, 16),
  }),
  PULSESTREAM_REGISTRATION: define({
    doc: 'Whether anyone may register a tenant.',
    default: 'true',
    read: boolean,
  }),
  PULSESTREAM_QUARANTINE_TWO_PEOPLE: define({
    doc: 'true: what one person proposes to set aside, another has to approve.',
    default: 'false',
    read: boolean,
  }),
  PULSESTREAM_RATE_LIMIT_REQUESTS: define({
    doc: 'Requests a minute for each of a tenant’s credentials, ingest aside.',
    default: '6000',
    read: integer(1, 1e9),
  }),
  PULSESTREAM_RATE_LIMIT_TENANT_REQUESTS: define({
    doc: 'Requests a minute for all of a tenant’s credentials together; absent: ten times those of one.',
    read: integer(1, 1e10),
  }),
  PULSESTREAM_RATE_LIMIT_EVENTS: define({
    doc: 'Telemetry events a minute for a tenant.',
    default: '120000000',
    read: integer(1, 1e12),
  }),
  PULSESTREAM_RATE_LIMIT_KEY_EVENTS: define({
    doc: 'Telemetry events a minute for each of a tenant’s credentials; absent: as many as the tenant.',
    read: integer(1, 1e12),
  }),
  PULSESTREAM_RATE_LIMIT_SIGN_IN: define({
    doc: 'Sign-ins and registrations a minute from one address.',
    default: '60',
    read: integer(1, 1e9),
  }),
  PULSESTREAM_RATE_LIMIT_BURST_SECONDS: define({
    doc: 'How many seconds’ worth of each of these may be used at once after a pause.',
    default: '60',
    read: integer(1, 3600),
  }),
  PULSESTREAM_INGEST_MEGABYTES: define({
    doc: 'Memory for telemetry that is being received or waits to be stored; more is refused with 503.',
    default: '128',
    // The largest body, an OTLP export, has 64 MB.
    read: integer(64, 16_384),
  }),
  PULSESTREAM_EVALUATION_SECONDS: define({
    doc: 'Seconds between two evaluations of the alert rules.',
    default: '5',
    read: integer(1, 60),
  }),
  PULSESTREAM_CHECKPOINT_SECONDS: define({
    doc: 'Seconds between two looks whether the log has something that no signed checkpoint covers; 0 signs none.',
    default: '5',
    read: integer(0, 3_600),
  }),
  PULSESTREAM_CHECKPOINT_FILE: define({
    doc: 'File that a copy of each checkpoint is appended to; best on another machine’s disk.',
    read: (value) => resolve(value),
  }),
  PULSESTREAM_LOG_ORIGIN: define({
    doc: 'The log’s name in its checkpoints, without spaces and plus signs; absent: one made of its key.',
    read: (value) => {
      if (!/^[^\s+\p{Cc}]{1,200}$/u.test(value)) throw new Error('must have no spaces and no plus signs');
      return value;
    },
  }),
  PULSESTREAM_WITNESS_URL: define({
    doc: 'A witness (c2sp.org/tlog-witness) that each checkpoint is sent to.',
    read: url('http', 'https'),
  }),
  PULSESTREAM_WITNESS_KEY: define({
    doc: 'The witness’s verifier key: its signatures are checked and kept; absent: they are not kept.',
    read: text,
  }),
  PULSESTREAM_ROUTE_LIMIT: define({
    doc: 'Routes that are made of a tenant’s paths, before some are shown as one.',
    default: '280',
    read: integer(10, 2_000),
  }),
  PULSESTREAM_DEMO_DATA: define({
    doc: 'Whether pulsestream demo may send made-up events; refused where NODE_ENV is production.',
    default: 'false',
    read: boolean,
  }),
  PULSESTREAM_URL: define({
    doc: 'For the command line: the server to talk to; absent: the one that runs on this data directory.',
    read: url('http', 'https'),
  }),
  PULSESTREAM_API_KEY: define({
    doc: 'For the command line: the API key to send events with.',
    secret: true,
    read: text,
  }),
  PULSESTREAM_SEGMENT_MEGABYTES: define({
    doc: 'Size at which a segment of the embedded log is closed.',
    default: '64',
    // The largest append is 16 MB and must fit in one.
    read: integer(32, 1024),
  }),
  PULSESTREAM_SEALING: define({
    doc: 'Whether full segments of the embedded log are encoded anew, a tenth as large, while the server runs.',
    default: 'true',
    read: boolean,
  }),
} as const;

export type VariableName = keyof typeof variables;
type Read<V> = V extends { read: (text: string) => infer T } ? T : never;
type Optional = {
  [K in VariableName]: (typeof variables)[K] extends { default: string } ? never : K;
}[VariableName];

/** The configuration, typed: variables without a default may be undefined. */
export type Config = {
  readonly [K in VariableName]: Read<(typeof variables)[K]> | (K extends Optional ? undefined : never);
};

export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
}

export type ConfigOutcome =
  | { readonly ok: true; readonly config: Config; readonly unknown: readonly string[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads the configuration from an environment. Problems name the variable and what is allowed, never the value of a
 * secret. `unknown` lists variables that look like ours and are not: a misspelt one would otherwise do nothing.
 */
export const readConfig = (environment: Readonly<Record<string, string | undefined>>): ConfigOutcome => {
  const problems: ConfigProblem[] = [];
  const entries = Object.entries<Variable<unknown>>(variables).map(([name, variable]) => {
    const given = environment[name];
    const value = given === undefined || given === '' ? variable.default : given;
    if (value === undefined) return [name, undefined] as const;
    try {
      return [name, variable.read(value)] as const;
    } catch (error) {
      problems.push({ variable: name, problem: error instanceof Error ? error.message : 'is not valid' });
      return [name, undefined] as const;
    }
  });
  const config = Object.fromEntries(entries) as Config;
  if (config.PULSESTREAM_DEMO_DATA && environment.NODE_ENV === 'production')
    problems.push({
      variable: 'PULSESTREAM_DEMO_DATA',
      problem: 'cannot be true where NODE_ENV is production: made-up events have no place there',
    });
  if (problems.length > 0) return { ok: false, problems };
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith('PULSESTREAM_') && !(name in variables),
  );
  return { ok: true, config, unknown };
};
