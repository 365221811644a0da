import type { EventLog, RecordedEvent, Revision, StreamName } from '../eventstore/event-store.js';

/** Where a record is. */
export interface RecordPlace {
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
}

/** So many at a time: of telemetry each has megabytes. */
const AT_ONCE = 16;

/**
 * The records at some places, some at a time, those of a stream in its order; what is no longer there, or something
 * else, is left out. Places that follow each other in a stream are read at once.
 */
export async function* recordsAt(
  log: Pick<EventLog, 'readStream'>,
  places: readonly RecordPlace[],
): AsyncGenerator<readonly RecordedEvent[], void> {
  const wanted = new Map(places.map((place) => [`${place.stream}@${place.revision}`, place.position]));
  const sorted = [...places].sort((one, other) =>
    one.stream === other.stream ? one.revision - other.revision : one.stream < other.stream ? -1 : 1,
  );
  const runs: { readonly stream: string; readonly first: number; last: number }[] = [];
  for (const { stream, revision } of sorted) {
    const run = runs.at(-1);
    if (run?.stream === stream && revision <= run.last + 1) run.last = revision;
    else runs.push({ stream, first: revision, last: revision });
  }
  let records: RecordedEvent[] = [];
  for (const { stream, first, last } of runs)
    for await (const record of log.readStream(stream as StreamName, {
      from: first as Revision,
      limit: last - first + 1,
    })) {
      if (wanted.get(`${stream}@${record.revision}`) === record.position) records.push(record);
      if (records.length < AT_ONCE) continue;
      yield records;
      records = [];
    }
  if (records.length > 0) yield records;
}
