import { cutsOf, type Cut, type CutChunk } from '../../src/domain/erasure/erasure.js';
import type { ChunkCuts } from '../../src/domain/erasure/cut.js';
import { eventsOfPerson } from '../../src/domain/erasure/person.js';
import type { ErasureId, QuarantineId } from '../../src/domain/ids.js';
import { indexRanges } from '../../src/domain/index-ranges.js';
import type { JsonObject } from '../../src/domain/json.js';
import type { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { START, type Position, type StreamName } from '../../src/eventstore/event-store.js';
import { seededRandom } from './faulty-files.js';
import { eventFactory, revision, stream } from './log-events.js';

export const CHUNKS = stream('telemetry-a');
const ERASURES = stream('erasures-a');

/** How many records of a stream are there; these have lost none. */
const lengthOf = async (log: EmbeddedEventStore, name: StreamName): Promise<number> => {
  let length = 0;
  for await (const { revision: at } of log.readStream(name)) length = at + 1;
  return length;
};

/** Appends chunks of a few people's events, until the log has so many segments: the same at each run. */
export const appendPeople = async (
  log: EmbeddedEventStore,
  segments: number,
  into = CHUNKS,
): Promise<void> => {
  const random = seededRandom(segments);
  const factory = eventFactory(100 + segments);
  let next = await lengthOf(log, into);
  while ((await log.stat()).segments < segments) {
    // Now and then a chunk is of one person alone.
    const alone = random() < 0.25 ? Math.floor(random() * 3) : undefined;
    const lines = Array.from({ length: 1 + Math.floor(random() * 14) }, (_, n) =>
      JSON.stringify({
        type: 'api_call',
        user_id: `person-${alone ?? Math.floor(random() * 3)}`,
        message: 'ä, \u2028 and more'.slice(0, Math.floor(random() * 12)),
        trace_id: Buffer.from(Array.from({ length: 32 }, () => Math.floor(random() * 256))).toString('hex'),
        duration_ms: n,
      }),
    );
    const data = Buffer.from(lines.join('\n'));
    const event = factory.binary(data);
    const chunk = {
      codec: 'ndjson' as const,
      ...{ count: lines.length, bytes: data.length - (lines.length - 1) },
      ...{ min_time: 0, max_time: 1, received_at: 1, producer: 'test', first_sequence: 0 },
    };
    const whole = { ...event, metadata: { ...event.metadata, chunk } };
    const outcome = await log.append(into, next === 0 ? 'none' : revision(next - 1), [whole]);
    if (outcome.outcome !== 'appended') throw new Error(JSON.stringify(outcome));
    next += 1;
  }
};

/** What cutting all events of a person out of the log as it is comes to, what was cut before included. */
export const planCut = async (log: EmbeddedEventStore, person: string, before?: Cut): Promise<Cut> => {
  const found: Omit<CutChunk, 'leaf' | 'left'>[] = [];
  for await (const { events } of log.readAll(START))
    for (const event of events) {
      if (event.type !== 'TelemetryRecorded') continue;
      const numbers = eventsOfPerson(event, 'user_id', (value) => value === person);
      if (numbers.length === 0) continue;
      const { stream: name, revision: at, position } = event;
      const gone = before?.chunks.find((chunk) => chunk.position === position)?.indexes ?? [];
      const indexes = indexRanges([...gone, ...numbers]);
      found.push({ stream: name, revision: at, position, indexes, events: numbers.length });
    }
  const foreseen = await log.dropping.foresee(
    found.map((one) => ({ ...one, position: one.position as Position })),
  );
  return {
    erasure_id: 'era_1' as ErasureId,
    quarantine_id: 'qua_1' as QuarantineId,
    chunks: found.map((chunk, i) => ({ ...chunk, ...foreseen[i] })),
    events: found.reduce((sum, { events }) => sum + events, 0),
    cut_at: '2026-01-01T00:00:00.000Z',
  };
};

/** Records what is cut, and says what follows for the files. */
export const sayCut = async (
  log: EmbeddedEventStore,
  cut: Cut,
): Promise<{ readonly cuts: ChunkCuts; readonly through: Position }> => {
  const next = await lengthOf(log, ERASURES);
  const event = eventFactory(500 + next).json(cut as unknown as JsonObject, 'TelemetryCut');
  const outcome = await log.append(ERASURES, next === 0 ? 'none' : revision(next - 1), [event]);
  if (outcome.outcome !== 'appended') throw new Error(outcome.outcome);
  return { cuts: cutsOf(cut), through: outcome.position };
};
