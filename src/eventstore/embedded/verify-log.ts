import { toPosition, type Position } from '../event-store.js';
import type { Commit } from './commit.js';
import { chainAfter, GENESIS, HEADER_BYTES, isZero } from './format.js';
import type { LogIndex } from './log-index.js';
import { streamNameBytes } from './record.js';
import type { Tail } from './recovery.js';
import { scanSegment } from './scan.js';
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
  readonly problems: readonly LogProblem[];
}

interface Options {
  /** Checked against the log; none where the log alone is to be checked. */
  readonly index?: LogIndex;
  /** The end of the log; found by looking where it is absent. */
  readonly end?: Tail;
  /** Whether nothing was written after the end meanwhile. */
  readonly isStill: () => boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
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
 * Walks over the whole log and checks every checksum, every leaf hash by way of the chain, that records and revisions
 * have no gap, that nothing stands where nothing was written, and that the index says the same.
 */
export const verifyLog = async (segments: Segments, options: Options): Promise<LogVerification> => {
  const total = await segmentBytes(segments);
  const check = new LogCheck(options);
  for (const segment of segments.all) {
    await check.segment(segments, segment, (bytes) => options.onProgress?.({ bytes, total }));
  }
  check.index();
  const records = check.next - 1;
  const chain = check.chain.toString('hex');
  return { records, bytes: check.bytes, head: toPosition(records), chain, problems: check.problems };
};

class LogCheck {
  next = 1;
  chain: Buffer = GENESIS;
  bytes = 0;
  readonly problems: LogProblem[] = [];
  #events = 0;
  /** Of each stream the revision to come. */
  readonly #revisions = new Map<string, number>();

  constructor(private readonly options: Options) {}

  async segment(segments: Segments, segment: Segment, progress: (bytes: number) => void): Promise<void> {
    if (segment.first !== this.next) this.#problem('records are missing before it', segment, 0);
    else if (!segment.chain.equals(this.chain)) this.#problem('it does not continue the chain', segment, 0);
    this.next = segment.first;
    this.chain = segment.chain;

    const { end } = this.options;
    const file = await segments.open(segment, 'read');
    try {
      const size = await file.size();
      const to = end?.segment === segment ? end.offset : size;
      const before = this.bytes;
      const scan = scanSegment(segment, file, { from: HEADER_BYTES, to, next: segment.first });
      let step = await scan.next();
      for (; !step.done; step = await scan.next()) {
        for (const commit of step.value) this.#commit(commit);
        const last = step.value.at(-1);
        if (last) this.bytes = before + last.offset + HEADER_BYTES + last.bytes;
        progress(this.bytes);
      }
      const { found, offset } = step.value;
      if (found === 'damaged_header' || found === 'damaged_commit')
        this.#problem('a commit does not check out', segment, offset);
      else if (end?.segment === segment && offset < to)
        this.#problem('the log ends too early', segment, offset);
      else await this.#room(segment, file, offset, size);
      this.bytes = before + size;
      progress(this.bytes);
    } finally {
      await file.close();
    }
  }

  #commit(commit: Commit): void {
    const chain = commit.count > 0 ? chainAfter(this.chain, commit.leaves()) : this.chain;
    if (!commit.header.chain.equals(chain))
      this.#problem('the records are not those of the chain', commit.segment, commit.offset);
    this.chain = commit.header.chain;
    this.next = commit.last + 1;

    let number = commit.number;
    for (const { stream, revision, id, truncation } of commit.keys()) {
      if (!truncation) {
        const due = this.#revisions.get(stream) ?? 0;
        if (revision !== due)
          this.#problem(
            `stream ${stream} has revision ${revision} where ${due} is due`,
            commit.segment,
            commit.offset,
          );
        this.#revisions.set(stream, revision + 1);
        this.#events += 1;
        const known = this.options.index?.record(id);
        if (this.options.index && (known?.number !== number || known.revision !== revision))
          this.#problem(`the index does not find record ${number} by its id`);
      }
      number += 1;
    }
  }

  /** What follows the last commit was made ahead and must be zeros. */
  async #room(
    segment: Segment,
    file: Awaited<ReturnType<Segments['open']>>,
    from: number,
    to: number,
  ): Promise<void> {
    const block = Buffer.alloc(Math.min(1024 * 1024, to - from));
    for (let offset = from; offset < to; offset += block.length) {
      const length = await file.read(block, offset);
      if (isZero(block, 0, length) || !this.options.isStill()) continue;
      const at = offset + block.findIndex((byte) => byte !== 0);
      this.#problem('there is something where nothing was written', segment, at);
      return;
    }
  }

  /** What the index knows must be in the log; that the log is in the index was seen record by record. */
  index(): void {
    const { index, isStill } = this.options;
    if (!index) return;
    for (const [stream, next] of this.#revisions) {
      const known = index.stream(streamNameBytes(stream as Parameters<typeof streamNameBytes>[0]))?.next ?? 0;
      if (known < next) this.#problem(`the index has ${known} events of stream ${stream}, the log ${next}`);
    }
    const { ids } = index.counts();
    if (ids !== this.#events && isStill())
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
