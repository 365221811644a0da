import { placeOf, type CutChunk } from '../../domain/erasure/erasure.js';
import { holdsRevision, joinRanges, type RevisionRanges } from '../../domain/revision-ranges.js';
import { toPosition, type Position } from '../event-store.js';
import {
  checkSegment,
  firstNonZero,
  NO_ROOM,
  outOfTurn,
  placesIn,
  type FoundCut,
  type SegmentCheck,
  type SegmentReport,
} from './check-segment.js';
import { GENESIS } from './format.js';
import type { LogIndex } from './log-index.js';
import { streamNameBytes } from './record.js';
import type { Tail } from './recovery.js';
import type { Segment, Segments } from './segments.js';

export interface VerifyProgress {
  readonly bytes: number;
  readonly total: number;
}

export interface LogProblem {
  /** Absent where it is about the index. */
  readonly segment?: string;
  readonly offset?: number;
  readonly detail: string;
}

export interface LogVerification {
  readonly records: number;
  readonly bytes: number;
  readonly head: Position;
  /** The hash chain after the last commit, in hexadecimal digits. */
  readonly chain: string;
  /** How many records of telemetry are dropped: of them there is the leaf hash, and who says that they are. */
  readonly dropped: number;
  /** Out of how many records events are cut: of them there is what is left, and who says what is gone. */
  readonly cut: number;
  readonly problems: readonly LogProblem[];
}

/** Checks one segment, here or in a thread. */
export type Checking = (check: SegmentCheck) => Promise<SegmentReport>;

interface Options {
  /** Checked against the log, or why it is behind; none where the log alone is to be checked. */
  readonly index?: LogIndex | { readonly behind: string };
  /** The end of the log; found by looking where it is absent. */
  readonly end?: Tail;
  /** Whether nothing was written after the end meanwhile. */
  readonly isStill: () => boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Checks segments elsewhere, `atOnce` of them at the same time. Absent: here, one after another. */
  readonly elsewhere?: { readonly check: Checking; readonly atOnce: number };
}

/** More than these say nothing new. */
const LISTED_PROBLEMS = 1_000;

/** How many bytes the segment files have. */
export const segmentBytes = async (segments: Segments): Promise<number> => {
  let bytes = 0;
  for (const segment of segments.all) {
    const file = await segments.open(segment, 'read');
    bytes += await file.size();
    await file.close();
  }
  return bytes;
};

/**
 * Checks the whole log: every checksum, every leaf hash by way of the chain, that records and revisions have no gap,
 * that nothing stands where nothing was written, and that the index says the same. A segment begins with the chain
 * before it, so that each can be checked by itself; that they continue each other is seen from their reports.
 */
export const verifyLog = async (segments: Segments, options: Options): Promise<LogVerification> => {
  const total = await segmentBytes(segments);
  const here: Checking = async (task) => {
    const file = await segments.open(task.segment, 'scan');
    try {
      return await checkSegment(task, file);
    } finally {
      await file.close();
    }
  };
  const { check, atOnce } = options.elsewhere ?? { check: here, atOnce: 1 };
  const { end } = options;
  const log = new LogCheck(options);
  // Those that are full stay as they are; the last may grow meanwhile.
  const all = [...segments.all];
  const last = end ? all.indexOf(end.segment) : all.length - 1;
  const tasks = all.slice(0, last + 1).map((segment): SegmentCheck => {
    const offset = end?.segment === segment ? { end: end.offset } : {};
    return { segment, ...offset, ids: log.knows !== undefined };
  });
  await inOrder(tasks, atOnce, check, (task, report) => {
    log.segment(task.segment, report);
    options.onProgress?.({ bytes: log.bytes, total });
  });
  if (end) await log.room(segments, end);
  log.index();
  const records = log.next - 1;
  const chain = log.chain.toString('hex');
  const dropped = log.dropped();
  const cut = log.cut();
  return {
    records,
    bytes: log.bytes,
    head: toPosition(records),
    chain,
    dropped,
    cut,
    problems: log.problems,
  };
};

/** Works on some at a time and hands on what came of each in their order. */
const inOrder = async <Task, Result>(
  tasks: readonly Task[],
  atOnce: number,
  work: (task: Task) => Promise<Result>,
  next: (task: Task, result: Result) => void,
): Promise<void> => {
  const underWay: Promise<Result>[] = [];
  const begin = (i: number): void => {
    const task = tasks[i];
    if (task === undefined) return;
    const result = work(task);
    // A failure shows when it is its turn.
    result.catch(() => undefined);
    underWay.push(result);
  };
  for (let i = 0; i < atOnce; i += 1) begin(i);
  for (const [i, task] of tasks.entries()) {
    const result = await underWay.shift();
    begin(i + atOnce);
    if (result !== undefined) next(task, result);
  }
};

class LogCheck {
  next = 1;
  chain: Buffer = GENESIS;
  bytes = 0;
  readonly problems: LogProblem[] = [];
  #events = 0;
  /** Of each stream the revision to come. */
  readonly #revisions = new Map<string, number>();
  readonly #dropped: { readonly segment: Segment; readonly records: RevisionRanges }[] = [];
  readonly #retired: RevisionRanges[] = [];
  readonly #cut: { readonly segment: Segment; readonly record: FoundCut }[] = [];
  /** All that was said of cuts, by chunk. */
  readonly #saidCut = new Map<string, CutChunk[]>();

  /** The index that is to be checked. */
  readonly knows: LogIndex | undefined;

  constructor(private readonly options: Options) {
    const { index } = options;
    if (index && 'behind' in index)
      this.#problem(`the index is behind, and was not checked: ${index.behind}`);
    else this.knows = index;
  }

  segment(segment: Segment, report: SegmentReport): void {
    if (segment.first !== this.next) this.#problem('records are missing before it', segment, 0);
    else if (!segment.chain.equals(this.chain)) this.#problem('it does not continue the chain', segment, 0);
    for (const { stream, first, offset, next } of report.streams) {
      const due = this.#revisions.get(stream) ?? 0;
      if (first !== due) this.#problem(outOfTurn(stream, first, due), segment, offset);
      this.#revisions.set(stream, next);
    }
    for (const { detail, offset } of report.problems) this.#problem(detail, segment, offset);
    if (this.knows)
      for (const { id, number, revision } of placesIn(report)) {
        const known = this.knows.record(id);
        if (known?.number !== number || known.revision !== revision)
          this.#problem(`the index does not find record ${number} by its id`);
      }
    this.#dropped.push({ segment, records: report.dropped });
    this.#retired.push(...report.retired);
    this.#cut.push(...report.cut.map((record) => ({ segment, record })));
    for (const said of report.said_cut)
      this.#saidCut.set(placeOf(said), [...(this.#saidCut.get(placeOf(said)) ?? []), said]);
    this.#events += report.events;
    this.next = report.next;
    this.chain = Buffer.from(report.chain);
    this.bytes += report.bytes;
  }

  /** Each record that is dropped must be one of those that the log itself says are; answers how many there are. */
  dropped(): number {
    const retired = joinRanges(this.#retired);
    let count = 0;
    for (const { segment, records } of this.#dropped)
      for (const [stream, ranges] of Object.entries(records))
        for (const [from, to] of ranges) {
          count += to - from + 1;
          for (let revision = from; revision <= to; revision += 1)
            if (!holdsRevision(retired, stream, revision) && !this.#isSaid({ stream, revision, left: null }))
              this.#problem(
                `revision ${revision} of stream ${stream} is gone, and nothing says why`,
                segment,
                0,
              );
        }
    return count;
  }

  /** What is left of each record out of which events are cut must be what the log says; answers how many there are. */
  cut(): number {
    for (const { segment, record } of this.#cut)
      if (!this.#isSaid(record))
        this.#problem(
          `events of revision ${record.revision} of stream ${record.stream} are gone, and nothing says so`,
          segment,
          0,
        );
    return this.#cut.length;
  }

  /** Whether the log says of a chunk that this is what is left of it; files may be behind the last that it says. */
  #isSaid({ leaf, left, indexes, ...place }: Omit<FoundCut, 'indexes'> & Partial<FoundCut>): boolean {
    return (this.#saidCut.get(placeOf(place)) ?? []).some(
      (said) =>
        said.left === left &&
        (leaf === undefined || said.leaf === leaf) &&
        (!indexes || said.indexes.join(' ') === indexes.join(' ')),
    );
  }

  /** What follows the end of a log that is open: zeros, unless it was written to meanwhile. */
  async room(segments: Segments, { segment, offset }: Tail): Promise<void> {
    const file = await segments.open(segment, 'read');
    try {
      const at = await firstNonZero(file, offset, await file.size());
      if (at !== undefined && this.options.isStill()) this.#problem(NO_ROOM, segment, at);
    } finally {
      await file.close();
    }
  }

  /** What the index knows must be in the log; that the log is in the index was seen record by record. */
  index(): void {
    const index = this.knows;
    if (!index) return;
    for (const [stream, next] of this.#revisions) {
      const known = index.stream(streamNameBytes(stream as Parameters<typeof streamNameBytes>[0]))?.next ?? 0;
      if (known < next) this.#problem(`the index has ${known} events of stream ${stream}, the log ${next}`);
    }
    const { ids } = index.counts();
    if (ids !== this.#events && this.options.isStill())
      this.#problem(`the index knows ${ids} events, the log has ${this.#events}`);
  }

  #problem(detail: string, segment?: Segment, offset?: number): void {
    if (this.problems.length >= LISTED_PROBLEMS) return;
    this.problems.push({
      detail,
      ...(segment && { segment: segment.name }),
      ...(offset !== undefined && { offset }),
    });
  }
}
