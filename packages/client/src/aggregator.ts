import { METHODS } from 'node:http';
import { isTime, type EventDefaults, type TelemetryEvent } from './event.js';
import { bucketOf, valueOf } from './histogram.js';
import { pathOf, shapeOf } from './path.js';
import type { Runtime, Timer } from './runtime.js';
import { MAX_DURATIONS } from './weight.js';

export interface AggregateLimits {
  /** How long requests are added up before they are sent. */
  readonly interval_ms: number;
  /** Kinds of requests that are kept apart. */
  readonly keys: number;
  /** Failed requests that are sent by themselves, whole, in each interval. */
  readonly examples: number;
}

/** What the requests beyond the kinds that are kept apart are called. */
export const OTHER = '__other__';

const MINUTE_MS = 60_000;
/** Numbers of the histograms of all kinds; where there are more they are sent before their time. */
const MAX_BUCKETS = 20_000;
const MAX_TEXT = 1_024;

/** Requests that are alike. */
interface Total {
  /** What all of them have in common. */
  readonly shared: TelemetryEvent;
  /** When the last of them was, in epoch milliseconds. */
  latest: number;
  /** Those without a duration. */
  untimed: number;
  /** How many took as long as each bucket says. */
  readonly buckets: Map<number, number>;
}

type Write = (event: TelemetryEvent, requests: number) => void;

const methods: ReadonlySet<string> = new Set(METHODS);

const textOf = (given: unknown): string | undefined =>
  typeof given === 'string' && given !== '' ? given.slice(0, MAX_TEXT) : undefined;

/** One text for many, whatever stands in them: each says how long it is. */
const keyOf = (minute: number, status: number, texts: readonly (string | undefined)[]): string => {
  let key = `${String(minute)} ${String(status)}`;
  for (const text of texts) key += text === undefined ? ' -' : ` ${String(text.length)}:${text}`;
  return key;
};

/** Milliseconds since 1970 of an event's own word, or else now. */
const timeOf = (timestamp: unknown, now: number): number => {
  if (!isTime(timestamp)) return now;
  return Math.floor(typeof timestamp === 'number' ? timestamp : Date.parse(timestamp.toUpperCase()));
};

/**
 * Adds requests up that are alike (service, environment, region, method, route, status, consumer, minute), and hands
 * them on as events that stand for all of them. What is only one request's (its path, trace, sizes, user) is not kept.
 */
export class Aggregator {
  #totals = new Map<string, Total>();
  #requests = 0;
  #buckets = 0;
  #examples = 0;
  #timer: Timer | undefined;
  #leaving = false;
  #stopped = false;

  constructor(
    private readonly limits: AggregateLimits,
    private readonly defaults: EventDefaults,
    private readonly runtime: Runtime,
    private readonly write: Write,
  ) {}

  /** Requests that were added and not handed on yet. */
  get requests(): number {
    return this.#requests;
  }

  /** Adds a request; false where the event is none, or is to be sent by itself. Throws what reading the event throws. */
  add(event: TelemetryEvent): boolean {
    if (this.#stopped || event.type !== 'api_call') return false;
    const { id, weight, sample_rate, durations } = event;
    // Its sender's id says that it is to be found again, and the others that it is no single request.
    if ([id, weight, sample_rate, durations].some((said) => said !== undefined)) return false;

    const status = event.status_code ?? 0;
    if (status !== 0 && !(Number.isInteger(status) && status >= 100 && status <= 599)) return false;
    const time = timeOf(event.timestamp, this.runtime.now());
    const duration: unknown = event.duration_ms;
    if (status >= 500 && this.#examples < this.limits.examples) {
      this.#examples += 1;
      this.#beginInterval();
      return false;
    }
    const total = this.#totalOf(event, time - (time % MINUTE_MS), status);
    if (!total) return false;

    this.#requests += 1;
    total.latest = Math.max(total.latest, time);
    if (typeof duration === 'number' && duration >= 0 && duration <= 1e9)
      this.#count(total.buckets, bucketOf(duration));
    else total.untimed += 1;
    this.#beginInterval();
    return true;
  }

  /** Hands on what was added. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#examples = 0;
    const totals = this.#totals;
    this.#totals = new Map();
    this.#buckets = 0;
    for (const total of totals.values()) this.#hand(total);
  }

  /** Hands on what was added and adds nothing more. */
  stop(): void {
    this.#stopped = true;
    this.flush();
  }

  #beginInterval(): void {
    this.#timer ??= this.runtime.timer(this.limits.interval_ms, () => this.flush());
  }

  #totalOf(event: TelemetryEvent, minute: number, status: number): Total | undefined {
    const service = textOf(event.service) ?? this.defaults.service;
    const environment = textOf(event.environment) ?? this.defaults.environment;
    const region = textOf(event.region) ?? this.defaults.region;
    const method = textOf(event.method);
    const consumer = textOf(event.consumer);
    const route = textOf(event.route);
    // Where there is no route the server makes one of the path: one path speaks for all of its shape.
    const path = route === undefined ? textOf(pathOf(textOf(event.path))) : undefined;
    const place = route === undefined && path !== undefined ? shapeOf(path) : route;
    const kind = [service, environment, region, method, consumer, place, path === undefined ? 'r' : 'p'];
    const known = this.#totals.get(keyOf(minute, status, kind));
    if (known) return known;
    const status_code = status === 0 ? {} : { status_code: status };
    if (this.#totals.size < this.limits.keys)
      return this.#begin(keyOf(minute, status, kind), {
        ...{ type: 'api_call', service, ...status_code },
        ...(environment !== undefined && { environment }),
        ...(region !== undefined && { region }),
        ...(method !== undefined && { method }),
        ...(consumer !== undefined && { consumer }),
        ...(route !== undefined && { route }),
        ...(path !== undefined && { path }),
      });

    const known_method = method !== undefined && methods.has(method) ? method : undefined;
    const key = keyOf(minute, status, [known_method]);
    const other = this.#totals.get(key);
    // Not even these are without end, since times are the host's to say: what is beyond them goes by itself.
    if (other || this.#totals.size >= 2 * this.limits.keys) return other;
    return this.#begin(key, {
      ...{ type: 'api_call', ...this.defaults, route: OTHER, ...status_code },
      ...(known_method !== undefined && { method: known_method }),
      ...(consumer !== undefined && { consumer: OTHER }),
    });
  }

  #begin(key: string, shared: TelemetryEvent): Total {
    const total: Total = { shared, latest: 0, untimed: 0, buckets: new Map() };
    this.#totals.set(key, total);
    return total;
  }

  #count(buckets: Map<number, number>, bucket: number): void {
    const count = buckets.get(bucket);
    buckets.set(bucket, (count ?? 0) + 1);
    if (count !== undefined) return;
    this.#buckets += 1;
    if (this.#buckets >= 2 * MAX_BUCKETS) this.flush();
    else if (this.#buckets >= MAX_BUCKETS && !this.#leaving) {
      this.#leaving = true;
      // In a later turn: whoever records a request pays for counting it and for nothing else.
      setImmediate(() => {
        this.#leaving = false;
        this.flush();
      });
    }
  }

  #hand({ shared, latest, untimed, buckets }: Total): void {
    const ordered = [...buckets].sort(([one], [other]) => one - other);
    for (let from = 0; from === 0 || from < ordered.length; from += MAX_DURATIONS) {
      const some = ordered.slice(from, from + MAX_DURATIONS);
      const others = from === 0 ? untimed : 0;
      const requests = some.reduce((sum, [, count]) => sum + count, others);
      if (requests === 0) return;
      this.#requests -= requests;
      this.write(
        {
          ...shared,
          id: this.runtime.id(),
          timestamp: latest,
          ...(others > 0 && { weight: requests }),
          ...(some.length > 0 && {
            durations: {
              values: some.map(([bucket]) => valueOf(bucket)),
              counts: some.map(([, count]) => count),
            },
          }),
        },
        requests,
      );
    }
  }
}
