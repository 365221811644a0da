import { canonical } from '../canonical.js';
import type { TelemetryEvent } from '../telemetry/event.js';
import { routeOf } from '../telemetry/route.js';
import { scoreOf, type Reason } from './reason.js';

/** An event with when it happened, in epoch milliseconds. */
export interface TimedEvent {
  readonly event: TelemetryEvent;
  readonly time: number;
}

/** What an event's content suggests; no more than that: people send what looks made up, and programs what does not. */
export interface Suspicion {
  readonly reasons: readonly Reason[];
  readonly score: number;
}

/** From which score on an event is worth proposing. */
export const SUSPICIOUS = 0.5;

/** The same content so often in one window is not what a retrying client does… */
const REPEATED = 6;
/** …nor so many of one type and service within a second, */
const BURST = 15;
/** where there never were a third as many before. */
const GROWTH = 3;
/** Different contents that are remembered. */
const CONTENTS = 100_000;

/**
 * Words and addresses that are reserved for examples, or that nobody's customers have; whole words, so that a contest
 * or the latest of something is none. Domains: RFC 2606. Addresses: RFC 5737.
 */
const MADE_UP =
  /(?:^|[^a-z0-9])(?:test|tests|testing|tester|dummy|fake|sample|placeholder|lorem ipsum|foo|foobar|asdf|qwerty|john\.?[ _-]?doe|jane\.?[ _-]?doe|acme corp|fixture|seed(?:ed)?)(?:[^a-z]|$)|@?example\.(?:com|org|net)\b|\.(?:test|invalid)$|\b192\.0\.2\.\d+|\b198\.51\.100\.\d+|\b203\.0\.113\.\d+/i;

const shapeOf = (event: TelemetryEvent): string =>
  [...Object.keys(event), ...Object.keys(event.attributes ?? {}).map((name) => `attributes.${name}`)]
    .filter((name) => name !== 'timestamp' && name !== 'id')
    .sort()
    .join();

const routeIn = ({ route, path }: TelemetryEvent): string | undefined =>
  route ?? (path === undefined ? undefined : routeOf(path));

/** An event without what is different each time anyhow. */
const contentOf = ({
  timestamp: _t,
  id: _i,
  trace_id: _tr,
  span_id: _s,
  ...content
}: TelemetryEvent): string => canonical(content);

const textsOf = ({ attributes, ...event }: TelemetryEvent): readonly string[] =>
  [...Object.values(event), ...Object.values(attributes ?? {})].filter((value) => typeof value === 'string');

const kindOf = ({ type, service = '' }: TelemetryEvent): string => `${type}\n${service}`;

/** How often each of some texts was met. */
class Tally {
  readonly #counts = new Map<string, number>();
  add(text: string): number {
    const count = (this.#counts.get(text) ?? 0) + 1;
    this.#counts.set(text, count);
    return count;
  }
  get size(): number {
    return this.#counts.size;
  }
  of(text: string): number {
    return this.#counts.get(text) ?? 0;
  }
}

/**
 * What a tenant's telemetry was like before a deployment. Its size is that of how many different
 * things there were, not of how many events.
 */
export class Baseline {
  readonly #types = new Set<string>();
  readonly #services = new Set<string>();
  readonly #routes = new Set<string>();
  readonly #attributes = new Set<string>();
  readonly #shapes = new Set<string>();
  /** Texts that look made up and were there before: a customer's name, an office's address. */
  readonly #made_up = new Set<string>();
  readonly #contents = new Tally();
  /** By kind: how often the most frequent content was met. */
  readonly #most_repeated = new Map<string, number>();
  readonly #busiest = new Map<string, number>();
  readonly #second = new Map<string, { second: number; count: number }>();

  learn({ event, time }: TimedEvent): void {
    this.#types.add(event.type);
    if (event.service !== undefined) this.#services.add(event.service);
    const route = routeIn(event);
    if (route !== undefined) this.#routes.add(route);
    for (const name of Object.keys(event.attributes ?? {})) this.#attributes.add(name);
    this.#shapes.add(shapeOf(event));
    for (const text of textsOf(event)) if (MADE_UP.test(text)) this.#made_up.add(text);
    const kind = kindOf(event);
    if (this.#contents.size < CONTENTS) {
      const times = this.#contents.add(contentOf(event));
      this.#most_repeated.set(kind, Math.max(this.#most_repeated.get(kind) ?? 0, times));
    }
    const second = Math.floor(time / 1000);
    const now = this.#second.get(kind);
    const count = now?.second === second ? now.count + 1 : 1;
    this.#second.set(kind, { second, count });
    this.#busiest.set(kind, Math.max(this.#busiest.get(kind) ?? 0, count));
  }

  /** What each of the events of a deployment's window suggests, in their order. */
  assess(events: readonly TimedEvent[]): readonly Suspicion[] {
    const contents = new Tally();
    const seconds = new Tally();
    const secondOf = ({ event, time }: TimedEvent) => `${kindOf(event)}\n${Math.floor(time / 1000)}`;
    for (const one of events) {
      contents.add(contentOf(one.event));
      seconds.add(secondOf(one));
    }
    return events.map((one) => {
      const { event } = one;
      const reasons: Reason[] = [...this.#kindsNew(event), ...this.#madeUp(event)];
      const kind = kindOf(event);
      const content = contentOf(event);
      const times = contents.of(content);
      const known = this.#contents.of(content) > 0;
      if (times >= REPEATED && !known && times > GROWTH * (this.#most_repeated.get(kind) ?? 0))
        reasons.push({ code: 'repeated', detail: `The same ${String(times)} times.` });
      const together = seconds.of(secondOf(one));
      if (together >= BURST && together > GROWTH * (this.#busiest.get(kind) ?? 0))
        reasons.push({ code: 'burst', detail: `${String(together)} of its kind within a second.` });
      return { reasons, score: scoreOf(reasons) };
    });
  }

  #kindsNew(event: TelemetryEvent): readonly Reason[] {
    const reasons: Reason[] = [];
    if (!this.#types.has(event.type))
      reasons.push({ code: 'new_type', detail: `No event was a ${event.type} before.` });
    if (event.service !== undefined && !this.#services.has(event.service))
      reasons.push({ code: 'new_service', detail: `No event came from ${event.service} before.` });
    const route = routeIn(event);
    if (route !== undefined && !this.#routes.has(route))
      reasons.push({ code: 'new_route', detail: `Nobody asked for ${route} before.` });
    const attribute = Object.keys(event.attributes ?? {}).find((name) => !this.#attributes.has(name));
    if (attribute !== undefined)
      reasons.push({ code: 'new_field', detail: `No event had attributes.${attribute} before.` });
    else if (!this.#shapes.has(shapeOf(event)))
      reasons.push({ code: 'new_shape', detail: 'No event had just these fields before.' });
    return reasons;
  }

  #madeUp(event: TelemetryEvent): readonly Reason[] {
    const text = textsOf(event).find((one) => MADE_UP.test(one) && !this.#made_up.has(one));
    return text === undefined ? [] : [{ code: 'test_data', detail: 'A text in it looks made up.' }];
  }
}
