import type { PersonField } from '../../domain/erasure/erasure.js';
import { eventsOfPerson } from '../../domain/erasure/person.js';
import type { TenantId } from '../../domain/ids.js';
import { TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import { START, type EventLog, type Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { TimeSlice } from '../../projections/runner/time-slice.js';

/** Whose telemetry is looked for. */
export interface Person {
  readonly tenant_id: TenantId;
  readonly field: PersonField;
  readonly isMeant: (value: string) => boolean;
}

/** A chunk that holds a person's events, and their numbers in it. */
export interface FoundChunk {
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  readonly numbers: readonly number[];
  /** Whether it is stored with the person's name in it. */
  readonly names: boolean;
}

/** What was found in a stretch of the log, and how far it was looked at. */
interface Stretch {
  readonly found: readonly FoundChunk[];
  readonly position: Position;
}

/**
 * Looks through all of a tenant's telemetry up to a position, what is set aside or retired included: all of it may be in
 * the files. Reads every chunk, for a value is known by its hash alone; others get their turn meanwhile.
 */
export async function* findPerson(
  log: Pick<EventLog, 'readAll'>,
  clock: Pick<Clock, 'monotonic'>,
  { tenant_id, field, isMeant }: Person,
  until: Position,
): AsyncGenerator<Stretch, void> {
  const slice = new TimeSlice(clock);
  const filter = { types: [TELEMETRY_RECORDED], stream_prefix: `telemetry-${tenant_id}-` };
  for await (const { events, position } of log.readAll(START, filter)) {
    const found: FoundChunk[] = [];
    for (const event of events) {
      if (event.position > until) break;
      const numbers = eventsOfPerson(event, field, isMeant);
      const { stream, revision } = event;
      const names = event.metadata.chunk?.pseudonyms !== true;
      if (numbers.length > 0) found.push({ stream, revision, position: event.position, numbers, names });
      if (slice.over) await slice.rest();
    }
    yield { found, position };
    if (position >= until) return;
  }
}

/** Keeps the answers for the last values that were asked for: the same few come again and again. */
export const remembered = (isMeant: (value: string) => boolean): ((value: string) => boolean) => {
  const known = new Map<string, boolean>();
  return (value) => {
    let answer = known.get(value);
    if (answer === undefined) {
      answer = isMeant(value);
      if (known.size >= REMEMBERED) known.clear();
      known.set(value, answer);
    }
    return answer;
  };
};
const REMEMBERED = 10_000;
