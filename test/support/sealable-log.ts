import type { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import {
  START,
  type NewEvent,
  type RecordedEvent,
  type StreamName,
} from '../../src/eventstore/event-store.js';
import { seededRandom } from './faulty-files.js';
import { eventFactory, revision, stream } from './log-events.js';

/** Lines of telemetry, now and then an odd one. */
const linesOf = (random: () => number, count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const dice = random();
    if (dice < 0.02) return '{ "type" : "odd" , "duration_ms" : 1.50 }';
    if (dice < 0.03) return 'no JSON: "';
    return JSON.stringify({
      type: 'api_call',
      service: ['checkout', 'accounts'][i % 2],
      path: `/orders/${Math.floor(random() * 500)}`,
      status_code: dice < 0.9 ? 200 : 500,
      duration_ms: Math.round(random() * 10_000) / 100,
      trace_id: Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256))).toString('hex'),
    });
  }).join('\n');

export const TELEMETRY = stream('telemetry-a');
export const THINGS = stream('things-1');

/** Appends telemetry and other things to two streams, in turn: the same at each run. */
export class SealableLoad {
  readonly #random = seededRandom(11);
  readonly #event = eventFactory(77);
  readonly #next = new Map<StreamName, number>();

  async append(log: EmbeddedEventStore): Promise<void> {
    const random = this.#random;
    const dice = random();
    if (dice < 0.05) {
      const before = Math.floor((this.#next.get(THINGS) ?? 0) / 2);
      return log.truncate(THINGS, revision(before));
    }
    if (dice < 0.25) return this.#to(log, THINGS, this.#event.many(1 + Math.floor(random() * 3)));
    const chunks = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
      this.#event.binary(Buffer.from(dice < 0.3 ? '' : linesOf(random, 1 + Math.floor(random() * 12)))),
    ) as [NewEvent, ...NewEvent[]];
    // Binary data that is no telemetry stays as it is.
    if (dice > 0.9) chunks.push(this.#event.binary(Buffer.from([0, 1, 0x0a, 255]), 'ThingRecorded'));
    return this.#to(log, TELEMETRY, chunks);
  }

  async #to(
    log: EmbeddedEventStore,
    name: StreamName,
    events: readonly [NewEvent, ...NewEvent[]],
  ): Promise<void> {
    const next = this.#next.get(name) ?? 0;
    const outcome = await log.append(name, next === 0 ? 'none' : revision(next - 1), events);
    if (outcome.outcome !== 'appended') throw new Error(JSON.stringify(outcome));
    this.#next.set(name, next + events.length);
  }
}

/** What readers see of an event, its data as bytes. */
export const seen = ({
  id,
  type,
  schema_version,
  metadata,
  stream: name,
  revision: at,
  position,
  data,
}: RecordedEvent) => ({
  id,
  type,
  schema_version,
  metadata,
  name,
  at,
  position,
  data: data instanceof Uint8Array ? Buffer.from(data).toString('latin1') : data,
});

/** Everything that readers see of a log: in its order, and by stream. */
export const everything = async (log: EmbeddedEventStore): Promise<object> => {
  const all: object[] = [];
  for await (const batch of log.readAll(START)) all.push(...batch.events.map(seen));
  const streams: object[] = [];
  for (const name of [TELEMETRY, THINGS])
    for await (const event of log.readStream(name)) streams.push(seen(event));
  const { chain, records, problems } = await log.verify();
  return { all, streams, chain, records, problems };
};
