import { setImmediate } from 'node:timers/promises';
import { placesOfCuts, type Removal } from '../../domain/erasure/cut.js';
import { numbersIn } from '../../domain/index-ranges.js';
import { joinRanges, type RevisionRanges } from '../../domain/revision-ranges.js';
import type {
  DroppingOptions,
  DroppingResult,
  ForeseenCut,
  PlannedCut,
  RecordDropping,
} from '../dropping.js';
import type { Position } from '../event-store.js';
import type { RecordRun } from './commit.js';
import { leafOf } from './format.js';
import type { GroupCommit } from './group-commit.js';
import type { LogReader } from './log-reader.js';
import type { RecentCommits } from './recent-commits.js';
import { payloadWithout } from './record.js';
import { numberOf } from './record-number.js';
import type { Sealing } from './sealed/sealing.js';
import type { Segment, Segments } from './segments.js';
import type { Unindexed } from './unindexed.js';

const RUNS_AT_ONCE = 256;

/** Takes records, and parts of them, out of an open log by encoding the segments that hold them anew. */
export class EmbeddedDropping implements RecordDropping {
  constructor(
    private readonly log: {
      readonly segments: Segments;
      readonly group: GroupCommit;
      readonly reader: LogReader;
      readonly sealing: Sealing;
      readonly recent: RecentCommits;
      readonly unindexed: Unindexed;
    },
  ) {}

  async drop(removal: Removal, through: Position, options: DroppingOptions): Promise<DroppingResult> {
    const { records, cuts } = removal;
    const segments = await this.#segmentsOf(joinRanges([records, placesOfCuts(cuts)]));
    const last = segments.at(-1);
    if (last && last === this.log.segments.last) await this.log.group.rollPast(last.first);
    try {
      const dropping = { records, cuts, through: numberOf(through) };
      return await this.log.sealing.drop(segments, dropping, options);
    } finally {
      const end = last && this.log.segments.after(last);
      if (end) this.log.recent.forget(end.first - 1);
    }
  }

  async foresee(cuts: readonly PlannedCut[]): Promise<readonly ForeseenCut[]> {
    const foreseen: ForeseenCut[] = [];
    for (const { position, indexes } of cuts) {
      const number = numberOf(position);
      const cursor = this.log.reader.cursor(number);
      try {
        const [run] = await cursor.read();
        if (!run) throw new RangeError(`There is no record at ${position}.`);
        foreseen.push(foreseeCut(run, number - run.number, numbersIn(indexes)));
      } finally {
        await cursor.close();
      }
    }
    return foreseen;
  }

  /** The segments that hold records, in order. */
  async #segmentsOf(records: RevisionRanges): Promise<readonly Segment[]> {
    const found = new Set<Segment>();
    for (const [stream, ranges] of Object.entries(records))
      for (const [from, to] of ranges) {
        const name = Buffer.from(stream);
        for (let next = from; next <= to;) {
          const runs = this.log.unindexed.runs(name, next, RUNS_AT_ONCE, this.log.group.durable);
          for (const run of runs) {
            next = run.revision + run.count;
            const segment = run.revision <= to ? this.log.segments.holding(run.number) : undefined;
            if (segment) found.add(segment);
          }
          if (runs.length === 0) break;
          await setImmediate();
        }
      }
    return [...found].sort((one, other) => one.first - other.first);
  }
}

/** What a record of a run would be without some of its events. */
const foreseeCut = (run: RecordRun, i: number, numbers: ReadonlySet<number>): ForeseenCut => {
  const leaf = run.leaves()[i];
  if (!leaf) throw new RangeError(`a run of ${run.count} records has none with index ${i}`);
  const rest = payloadWithout(run.payload(i), run.gone(i), numbers);
  return { leaf: leaf.toString('hex'), left: rest ? leafOf(rest).toString('hex') : null };
};
