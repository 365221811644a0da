import { Aggregator, type AggregateLimits } from './aggregator.js';
import { writeEvent, type TelemetryEvent } from './event.js';
import type { Limits } from './queue.js';
import { systemRuntime, type Runtime } from './runtime.js';
import { looksSecret } from './secrets.js';
import { Sender, type SenderStats } from './sender.js';
import { flushAtTheEnd } from './shutdown.js';
import { httpTransport, type Transport } from './transport.js';

/** How requests are added up. */
export interface AggregateOptions {
  /** How long they are added up before they are sent. Ten seconds. */
  readonly intervalMs?: number;
  /** Kinds of requests that are kept apart; more of them are added up under the route `__other__`. 1,000. */
  readonly maxKeys?: number;
  /** Failed requests (5xx) of each interval that are sent by themselves, with path and trace. Ten. */
  readonly examples?: number;
}

export interface ClientOptions {
  /** Where PulseStream answers: `https://pulse.example.com`. */
  readonly url: string;
  /** An API key that may send telemetry. */
  readonly apiKey: string;
  /** The service whose events these are; an event may name another. */
  readonly service: string;
  readonly environment?: string;
  readonly region?: string;
  /** What may wait to be sent; beyond it the newest are dropped and counted. 100,000 events and 32 MiB. */
  readonly queue?: Partial<Limits>;
  /** What goes in one request. 1,000 events and 1 MiB. */
  readonly batch?: Partial<Limits>;
  /** How long an event waits for others at most. One second. */
  readonly flushIntervalMs?: number;
  /**
   * Adds requests up in memory instead of sending each: one event stands for all that are alike in service, environment,
   * region, method, route, status and consumer, with how long they took in a histogram.
   */
  readonly aggregate?: boolean | AggregateOptions;
  /** Bodies above this are compressed. 1 KiB. */
  readonly gzipAboveBytes?: number;
  /** For one request. Ten seconds. */
  readonly timeoutMs?: number;
  /** How long a batch is tried while the server is away or busy; then it is dropped. Fifteen minutes. */
  readonly retryForMs?: number;
  /** Which parameters' and attributes' values are masked, by name; a client of your own rule replaces the built-in one. */
  readonly isSecret?: (name: string) => boolean;
  /**
   * Sends what is left when the process ends: before it exits by itself, and at these signals. A signal that nobody
   * else listens to ends the process afterwards, as it would have.
   */
  readonly flushAtExit?: boolean | { readonly signals: readonly NodeJS.Signals[] };
  /** How requests are sent, for proxies and tests. */
  readonly transport?: Transport;
  /** Time and chance, for tests. */
  readonly runtime?: Runtime;
}

/** What has become of the events recorded: each is queued, sent or dropped, and counted once, also where it is added up. */
export type ClientStats = SenderStats;

export interface Client {
  /** Takes an event to be sent soon. Returns at once and never throws; what cannot be sent is counted. */
  record(event: TelemetryEvent): void;
  /** Resolves, and never rejects, once every event recorded so far is sent or dropped, or the time is over. */
  flush(withinMs?: number): Promise<void>;
  /** Flushes, gives up what is left then, and takes no more. */
  close(withinMs?: number): Promise<void>;
  stats(): ClientStats;
  /** Milliseconds that only grow: what the middleware measures with. */
  monotonic(): number;
}

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const FLUSH_MS = 30_000;
const CLOSE_MS = 5_000;

/** The API's address below a base address, which may have a path of its own. */
export const apiAddress = (base: string, path: string): URL => {
  const url = new URL(base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`PulseStream's address begins with http:// or https://, not with ${url.protocol}`);
  return new URL(url.origin + url.pathname.replace(/\/+$/, '') + path);
};

/** What both clients say of who they are. */
export const credentials = (apiKey: string): Readonly<Record<string, string>> => {
  if (typeof apiKey !== 'string' || !/^[\x21-\x7e]+$/.test(apiKey))
    throw new TypeError('An API key is expected; there is none, or it holds what no key holds.');
  return { 'x-api-key': apiKey, accept: 'application/json', 'user-agent': 'pulsestream-client' };
};

const aggregateLimits = ({
  intervalMs = 10_000,
  maxKeys = 1_000,
  examples = 10,
}: AggregateOptions): AggregateLimits => ({
  interval_ms: intervalMs,
  keys: maxKeys,
  examples,
});

/** A client that sends events. Throws where its options make none, which shows when the host starts, and never later. */
export const createClient = (options: ClientOptions): Client => {
  const { service, environment, region, isSecret = looksSecret, runtime = systemRuntime } = options;
  const sender = new Sender(
    {
      url: apiAddress(options.url, '/api/v1/ingestion/events/batch?verbose=true'),
      headers: credentials(options.apiKey),
      queue: { events: 100_000, bytes: 32 * MEBIBYTE, ...options.queue },
      batch: { events: 1_000, bytes: MEBIBYTE, ...options.batch },
      interval_ms: options.flushIntervalMs ?? 1_000,
      gzip_above_bytes: options.gzipAboveBytes ?? KIBIBYTE,
      timeout_ms: options.timeoutMs ?? 10_000,
      back_off: { first_ms: 250, longest_ms: 30_000 },
      retry_for_ms: options.retryForMs ?? 900_000,
    },
    options.transport ?? httpTransport(1),
    runtime,
  );
  const defaults = {
    service,
    ...(environment !== undefined && { environment }),
    ...(region !== undefined && { region }),
  };
  const send = (event: TelemetryEvent, recorded: number): void => {
    try {
      const written = writeEvent(event, defaults, runtime.now(), isSecret, recorded);
      if (typeof written === 'string') sender.drop(written, recorded);
      else sender.add(written);
    } catch {
      // The event itself threw when it was read: a getter, a proxy, a rule of the host's own.
      sender.drop('invalid', recorded);
    }
  };
  const { aggregate = false } = options;
  const aggregator = aggregate
    ? new Aggregator(aggregateLimits(aggregate === true ? {} : aggregate), defaults, runtime, send)
    : undefined;
  const client: Client = {
    record: (event) => {
      let added = false;
      try {
        added = aggregator?.add(event) ?? false;
      } catch {
        // What threw here throws there again, and is counted.
      }
      if (!added) send(event, 1);
    },
    flush: (withinMs = FLUSH_MS) => {
      aggregator?.flush();
      return sender.flush(withinMs);
    },
    close: async (withinMs = CLOSE_MS) => {
      forget();
      aggregator?.stop();
      await sender.flush(withinMs);
      sender.stop();
    },
    stats: () => {
      const { queued, ...stats } = sender.stats;
      return { queued: queued + (aggregator?.requests ?? 0), ...stats };
    },
    monotonic: () => runtime.monotonic(),
  };
  const { flushAtExit = false } = options;
  const forget =
    flushAtExit === false
      ? () => undefined
      : flushAtTheEnd(client, flushAtExit === true ? ['SIGTERM', 'SIGINT'] : flushAtExit.signals, CLOSE_MS);
  return client;
};
