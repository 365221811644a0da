import {
  holdsRevision,
  joinRanges,
  type RevisionRange,
  type RevisionRanges,
} from '../domain/revision-ranges.js';
import type { EventLog, RecordedEvent, Revision, StreamName } from '../eventstore/event-store.js';

/** Where a record is. */
export interface RecordPlace {
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  /** The last of a run of records. */
  readonly through?: { readonly revision: number };
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
  const single = new Map(
    places.flatMap((place) => (place.through ? [] : [[`${place.stream}@${place.revision}`, place.position]])),
  );
  const runs = rangesOfRuns(places.filter(({ through }) => through));
  let records: RecordedEvent[] = [];
  for (const [stream, ranges] of Object.entries(rangesOfRuns(places)))
    for await (const record of recordsIn(log, stream, ranges)) {
      const { revision, position } = record;
      if (holdsRevision(runs, stream, revision) || single.get(`${stream}@${revision}`) === position)
        records.push(record);
      if (records.length < AT_ONCE) continue;
      yield records;
      records = [];
    }
  if (records.length > 0) yield records;
}

const rangesOfRuns = (places: readonly RecordPlace[]): RevisionRanges => {
  const lists = new Map<string, RevisionRange[]>();
  for (const { stream, revision, through } of places) {
    const range = [revision, through?.revision ?? revision] as const;
    const list = lists.get(stream);
    if (list) list.push(range);
    else lists.set(stream, [range]);
  }
  return joinRanges([Object.fromEntries(lists)]);
};

async function* recordsIn(
  log: Pick<EventLog, 'readStream'>,
  stream: string,
  ranges: readonly RevisionRange[],
): AsyncIterable<RecordedEvent> {
  for (const [from, to] of ranges)
    yield* log.readStream(stream as StreamName, { from: from as Revision, limit: to - from + 1 });
}
