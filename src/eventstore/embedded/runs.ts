import { spanOver, type TimeSpan } from '../../domain/time-spans.js';
import type { IndexedRun } from './log-index.js';
import { streamNameBytes, type RecordKey } from './record.js';
import type { Run } from './unindexed.js';

/** A record as the index is to know it. */
interface PlacedKey extends RecordKey {
  readonly number: number;
  /** Where its frame starts in the segment, and how many bytes it takes; 0 where only the number leads to it. */
  readonly offset: number;
  readonly bytes: number;
  /** Of telemetry when its events happened. */
  readonly times: TimeSpan | undefined;
}

/** Joins records of one stream that follow each other into runs. */
export const runsOf = (keys: Iterable<PlacedKey>): IndexedRun[] => {
  const runs: (Omit<Run, 'ids'> & { ids: Buffer[] })[] = [];
  for (const { stream, revision, id, truncation, number, offset, bytes, times } of keys) {
    const name = streamNameBytes(stream);
    const run = runs.at(-1);
    if (run && !truncation && !run.truncation && run.stream.equals(name)) {
      run.count += 1;
      run.bytes += bytes;
      run.times = spanOver(run.times, times);
      run.ids.push(id);
    } else
      runs.push({
        stream: name,
        revision,
        number,
        count: 1,
        offset,
        bytes,
        ids: truncation ? [] : [id],
        truncation,
        times,
      });
  }
  return runs;
};
