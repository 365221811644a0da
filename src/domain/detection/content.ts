import { canonical } from '../canonical.js';
import type { TelemetryEvent } from '../telemetry/event.js';
import { routeOf } from '../telemetry/route.js';
import { scoreOf, type Reason } from './reason.js';
import { Tally, TextSet } from './texts.js';

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
/** Different contents, and kinds, that are remembered. */
const CONTENTS = 100_000;
const KINDS = 10_000;

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

/** What a baseline is stored as. Stored format, but may be thrown away: whoever does not know it learns anew. */
export interface SavedBaseline {
  readonly sets: readonly (readonly number[])[];
  readonly contents: readonly (readonly [number, number])[];
  readonly most_repeated: readonly (readonly [string, number])[];
  readonly busiest: readonly (readonly [string, number])[];
  readonly second: readonly (readonly [string, number, number])[];
}

/**
 * What a tenant's telemetry was like before a deployment. Bounded, whatever is sent: of texts it keeps hashes, so many
 * of each sort; where there were more, it holds nothing of that sort to be new.
 */
export class Baseline {
  readonly #types = new TextSet();
  readonly #services = new TextSet();
  readonly #routes = new TextSet();
  readonly #attributes = new TextSet();
  readonly #shapes = new TextSet();
  /** Texts that look made up and were there before: a customer's name, an office's address. */
  readonly #made_up = new TextSet();
  readonly #contents = new Tally();
  /** By kind: how often the most frequent content was met. */
  readonly #most_repeated = new Map<string, number>();
  readonly #busiest = new Map<string, number>();
  readonly #second = new Map<string, { second: number; count: number }>();

  get #sets(): readonly TextSet[] {
    return [this.#types, this.#services, this.#routes, this.#attributes, this.#shapes, this.#made_up];
  }

  /** A baseline as it was when it was saved; it learns on from there. */
  static restore(saved: SavedBaseline): Baseline {
    const baseline = new Baseline();
    baseline.#sets.forEach((set, i) => {
      set.restore(saved.sets[i] ?? []);
    });
    baseline.#contents.restore(saved.contents);
    for (const [kind, count] of saved.most_repeated) baseline.#most_repeated.set(kind, count);
    for (const [kind, count] of saved.busiest) baseline.#busiest.set(kind, count);
    for (const [kind, second, count] of saved.second) baseline.#second.set(kind, { second, count });
    return baseline;
  }

  save(): SavedBaseline {
    return {
      sets: this.#sets.map((set) => set.save()),
      contents: this.#contents.save(),
      most_repeated: [...this.#most_repeated],
      busiest: [...this.#busiest],
      second: [...this.#second].map(([kind, { second, count }]) => [kind, second, count] as const),
    };
  }

  learn({ event, time }: TimedEvent): void {
    this.#types.add(event.type);
    if (event.service !== undefined) this.#services.add(event.service);
    const route = routeIn(event);
    if (route !== undefined) this.#routes.add(route);
    for (const name of Object.keys(event.attributes ?? {})) this.#attributes.add(name);
    this.#shapes.add(shapeOf(event));
    for (const text of textsOf(event)) if (MADE_UP.test(text)) this.#made_up.add(text);
    const kind = kindOf(event);
    if (this.#busiest.size >= KINDS && !this.#busiest.has(kind)) return;
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
