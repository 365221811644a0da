import { setTimeout as sleep } from 'node:timers/promises';
import { KeptConnection, requestBytes } from './connection.js';
import { Dashboard, type Seat } from './dashboard.js';
import { seeded, singles } from './events.js';
import { at } from './result.js';

/** What dashboards have received so far. */
export interface Received {
  readonly messages: number;
  readonly bytes: number;
}

/** What dashboards saw; milliseconds from sending an event until a dashboard had a state with it. */
export interface Seen {
  /** How often some event came to be seen on some dashboard. */
  readonly sights: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** How often that never happened. */
  readonly missed: number;
  /** Until the event was stored, which is part of the times above. */
  readonly stored_p50_ms: number;
  readonly stored_p99_ms: number;
}

interface Probe {
  readonly sent: number;
  /** Known once the event is stored. */
  position?: string;
  readonly waiting: Set<Dashboard>;
}

const AT_ONCE = 20;
/** Uneven, so that events do not come in step with the server's rounds. */
const BETWEEN_PROBES_MS = { least: 100, most: 300 };
const LAST_WAIT_MS = 10_000;

/** Dashboards in one process, and events that are posted beside them to see when they show. */
export class Audience {
  readonly #dashboards: Dashboard[] = [];
  #probes: Probe[] = [];
  #times: number[] = [];

  constructor(
    private readonly seat: Seat,
    private readonly api_key: string,
  ) {}

  async open(count: number): Promise<void> {
    for (let missing = count; missing > 0; missing -= AT_ONCE)
      this.#dashboards.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, missing) }, () =>
            Dashboard.open(this.seat, (dashboard) => this.#updated(dashboard)),
          ),
        )),
      );
  }

  received(): Received {
    const sum = (of: (dashboard: Dashboard) => number): number =>
      this.#dashboards.reduce((total, dashboard) => total + of(dashboard), 0);
    return { messages: sum(({ messages }) => messages), bytes: sum(({ bytes }) => bytes) };
  }

  /** Posts an event now and then, and measures when each dashboard shows it. */
  async watch(seconds: number): Promise<Seen> {
    const connection = await KeptConnection.open(new URL(this.seat.url));
    const events = new URL('/api/v1/ingestion/events', this.seat.url);
    const headers = { 'content-type': 'application/json', 'x-api-key': this.api_key };
    const bodies = singles(64);
    const random = seeded(7);
    const stored: number[] = [];
    this.#times = [];
    const until = performance.now() + seconds * 1000;
    for (let i = 0; performance.now() < until; i += 1) {
      const probe: Probe = { sent: performance.now(), waiting: new Set(this.#dashboards) };
      this.#probes.push(probe);
      const answer = await connection.exchange(
        requestBytes(events, headers, bodies[i % bodies.length] ?? Buffer.alloc(0)),
      );
      if (answer.status !== 201) throw new Error(`An event was answered ${String(answer.status)}.`);
      ({ position: probe.position } = JSON.parse(answer.body) as { position: string });
      stored.push(performance.now() - probe.sent);
      for (const dashboard of this.#dashboards) this.#updated(dashboard);
      const { least, most } = BETWEEN_PROBES_MS;
      await sleep(least + random() * (most - least));
    }
    const last = performance.now() + LAST_WAIT_MS;
    while (this.#probes.length > 0 && performance.now() < last) {
      await sleep(20);
      this.#forget();
    }
    connection.close();
    for (const times of [this.#times, stored]) times.sort((one, other) => one - other);
    const missed = this.#probes.reduce((sum, { waiting }) => sum + waiting.size, 0);
    this.#probes = [];
    return {
      sights: this.#times.length,
      p50_ms: at(this.#times, 0.5),
      p99_ms: at(this.#times, 0.99),
      missed,
      stored_p50_ms: at(stored, 0.5),
      stored_p99_ms: at(stored, 0.99),
    };
  }

  close(): void {
    for (const dashboard of this.#dashboards) dashboard.close();
  }

  #updated(dashboard: Dashboard): void {
    if (this.#probes.length === 0) return;
    const now = performance.now();
    for (const { sent, position, waiting } of this.#probes)
      if (position !== undefined && dashboard.position >= position && waiting.delete(dashboard))
        this.#times.push(now - sent);
    this.#forget();
  }

  #forget(): void {
    while (this.#probes[0]?.waiting.size === 0) this.#probes.shift();
  }
}
