import type { OpenFile } from '../../platform/files.js';
import { LogCorrupt, type RecordedEvent, type Room } from '../event-store.js';
import type { RecordRun } from './commit.js';
import { frameOffsets, HEADER_BYTES } from './format.js';
import { Loan } from './lent-memory.js';
import type { RunPlace } from './log-index.js';
import type { RecentCommits } from './recent-commits.js';
import { readEvent } from './record.js';
import type { Tail } from './recovery.js';
import { isDamage, LARGE_BLOCK_BYTES, scanSegment, type ScanEnd } from './scan.js';
import type { SealedBlock } from './sealed/block.js';
import { openForm } from './sealed/open-form.js';
import type { SealedFile } from './sealed/sealed-file.js';
import type { Segment, Segments } from './segments.js';
import type { Unindexed } from './unindexed.js';

/** Runs of one stream that lie closer together than this are read at once. */
const GAP_BYTES = 64 * 1024;
const SPAN_BYTES = 4 * 1024 * 1024;

/** Reads what is durable: from memory where it is recent, else from the segments. */
export class LogReader {
  constructor(
    private readonly segments: Segments,
    private readonly recent: RecentCommits,
    private readonly unindexed: Unindexed,
    private readonly tail: () => Tail,
  ) {}

  /** A cursor over the log's commits that stands before a record; `room` is for those that are as they were received. */
  cursor(next: number, room?: Room): LogCursor {
    return new LogCursor(this.segments, this.recent, this.unindexed, this.tail, next, room);
  }

  /** The events of runs of one stream, in order. */
  async *readRuns(runs: readonly RunPlace[]): AsyncGenerator<RecordedEvent, void> {
    for (const span of this.#spans(runs)) yield* await this.#readSpan(span);
  }

  #spans(runs: readonly RunPlace[]): Span[] {
    const spans: Span[] = [];
    for (const run of runs) {
      const recent = this.recent.holding(run.number) !== undefined;
      const segment = this.segments.holding(run.number);
      if (!segment) throw new RangeError(`no segment holds record ${run.number}`);
      const span = spans.at(-1);
      const end = run.offset + run.bytes;
      const near =
        span &&
        !span.recent &&
        !recent &&
        span.segment === segment &&
        run.offset - span.end < GAP_BYTES &&
        end - span.start < SPAN_BYTES;
      if (near) {
        span.runs.push(run);
        span.end = end;
      } else spans.push({ segment, start: run.offset, end, runs: [run], recent });
    }
    return spans;
  }

  async #readSpan({ segment, start, end, runs, recent }: Span): Promise<RecordedEvent[]> {
    // By now it may have made room for others.
    const commit = recent ? this.recent.holding(runs[0]?.number ?? 0) : undefined;
    if (commit)
      return runs.flatMap(({ number, count }) =>
        Array.from({ length: count }, (_, i) => commit.event(number - commit.number + i)).filter(isEvent),
      );
    const form = await openForm(this.segments, segment);
    if ('sealed' in form) return readSealed(form.sealed, runs);
    const file = form.raw;
    try {
      const bytes = Buffer.allocUnsafeSlow(end - start);
      await file.read(bytes, start);
      return runs.flatMap((run) => {
        const { count, bytes: length } = run;
        const frames = frameOffsets(bytes, run.offset - start, { count, length, format: segment.format });
        if (!frames) throw new LogCorrupt(segment.name, run.offset, 'records do not check out');
        return Array.from(frames, (at, i) => readEvent(bytes, at, run.number + i));
      });
    } finally {
      await file.close();
    }
  }
}

interface Span {
  readonly segment: Segment;
  readonly start: number;
  end: number;
  readonly runs: RunPlace[];
  /** Whether it was in memory, where it is one run. */
  readonly recent: boolean;
}

/** In a sealed segment records are found by their numbers alone. */
const readSealed = async (file: SealedFile, runs: readonly RunPlace[]): Promise<RecordedEvent[]> => {
  try {
    const events: RecordedEvent[] = [];
    let block: SealedBlock | undefined;
    for (const { number, count } of runs)
      for (let next = number; next < number + count; next += 1) {
        if (!block || next > block.last) block = await file.block(next);
        const event = block.event(next - block.number);
        if (event) events.push(event);
      }
    return events;
  } finally {
    await file.close();
  }
};

const isEvent = (event: RecordedEvent | undefined): event is RecordedEvent => event !== undefined;

interface DiskScan {
  readonly segment: Segment;
  readonly file: Pick<OpenFile, 'close'>;
  readonly scan: AsyncGenerator<readonly RecordRun[], ScanEnd>;
  /** The record that the scan was begun for: it is there. */
  readonly opened: number;
}

async function* scanSealed(file: SealedFile, from: number): AsyncGenerator<readonly RecordRun[], ScanEnd> {
  for await (const block of file.blocks(from)) yield [block];
  const { last, directory } = file.header;
  return { offset: directory, found: 'end', next: last + 1 };
}

/** Walks over the log's commits, in order, as far as they are durable. */
export class LogCursor {
  #disk: DiskScan | undefined;
  /** What stands in memory of the commits that were read last. */
  readonly #loan = new Loan();

  constructor(
    private readonly segments: Segments,
    private readonly recent: RecentCommits,
    private readonly unindexed: Unindexed,
    private readonly tail: () => Tail,
    private next: number,
    private readonly room?: Room,
  ) {}

  /** The number of the record that comes next. */
  get position(): number {
    return this.next;
  }

  /**
   * Some commits, the first of which holds the record that comes next; none at the end of the log. Their memory is held
   * until the next are read, or the cursor is closed.
   */
  async read(): Promise<readonly RecordRun[]> {
    this.#loan.release();
    while (this.next < this.tail().next) {
      const recent = this.recent.from(this.next);
      if (recent) {
        for (const { memory } of recent) this.#loan.add(memory);
        await this.#leaveDisk();
        return this.#passed(recent);
      }
      const disk = (this.#disk ??= await this.#open());
      const step = await disk.scan.next();
      if (!step.done) {
        const commits = step.value.filter(({ last }) => last >= this.next);
        if (commits.length > 0) return this.#passed(commits);
        continue;
      }
      const { found, offset } = step.value;
      if (isDamage(found)) throw new LogCorrupt(disk.segment.name, offset, 'a commit does not check out');
      await this.#leaveDisk();
      if (this.next === disk.opened)
        throw new LogCorrupt(disk.segment.name, offset, `it ends before record ${this.next}`);
    }
    return [];
  }

  #passed(commits: readonly RecordRun[]): readonly RecordRun[] {
    this.next = (commits.at(-1)?.last ?? this.next - 1) + 1;
    return commits;
  }

  async #open(): Promise<DiskScan> {
    const tail = this.tail();
    const segment = this.segments.holding(this.next);
    if (!segment) throw new RangeError(`no segment holds record ${this.next}`);
    const form = await openForm(this.segments, segment, 'scan');
    if ('sealed' in form)
      return { segment, file: form.sealed, scan: scanSealed(form.sealed, this.next), opened: this.next };
    const file = form.raw;
    const commit = this.unindexed.commit(this.next);
    const known = commit && commit.number >= segment.first;
    const range = {
      from: known ? commit.offset : HEADER_BYTES,
      next: known ? commit.number : segment.first,
      to: segment === tail.segment ? tail.offset : await file.size(),
    };
    const scan = this.room
      ? scanSegment(segment, file, range, this.room, LARGE_BLOCK_BYTES)
      : scanSegment(segment, file, range);
    return { segment, file, scan, opened: this.next };
  }

  close(): Promise<void> {
    this.#loan.release();
    return this.#leaveDisk();
  }

  async #leaveDisk(): Promise<void> {
    const disk = this.#disk;
    this.#disk = undefined;
    await disk?.file.close();
  }
}
