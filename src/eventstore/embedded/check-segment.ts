import { UndecodableColumns } from '../../domain/telemetry/column-codec/bytes.js';
import { cutIn, type CutChunk } from '../../domain/erasure/erasure.js';
import { indexRanges } from '../../domain/index-ranges.js';
import { retirementEventTypes, retirementIn } from '../../domain/retention/retention.js';
import { rangesOf, type RevisionRanges } from '../../domain/revision-ranges.js';
import type { OpenFile } from '../../platform/files.js';
import { LogCorrupt } from '../event-store.js';
import { compileFilter, type Commit } from './commit.js';
import { chainAfter, HEADER_BYTES, isZero, leafOf } from './format.js';
import { placeOf } from './record.js';
import { byTurns, isDamage, scanSegment } from './scan.js';
import type { SealedBlock } from './sealed/block.js';
import type { SealedHeader } from './sealed/format.js';
import { SealedFile } from './sealed/sealed-file.js';
import type { Segment } from './segments.js';

/** What is to be checked of one segment. */
export interface SegmentCheck {
  readonly segment: Segment;
  /** Where its commits end, where that is known; what follows is then not looked at. */
  readonly end?: number;
  /** Whether the report is to hold every record's id. */
  readonly ids: boolean;
}

/** A place where a segment is not what it should be. */
export interface SegmentProblem {
  readonly detail: string;
  readonly offset: number;
}

/** A stream's events in one segment. */
export interface StreamPart {
  readonly stream: string;
  /** The revision of the first of them, and the commit that holds it. */
  readonly first: number;
  readonly offset: number;
  /** The revision to come. */
  readonly next: number;
}

/** What a segment holds, as far as it checks out; whether it fits to its neighbours is for others to say. */
export interface SegmentReport {
  /** Of the file. */
  readonly bytes: number;
  /** The number of the record to come. */
  readonly next: number;
  /** The chain after its last commit. */
  readonly chain: Uint8Array;
  readonly events: number;
  readonly streams: readonly StreamPart[];
  /** Of each event its id (16 bytes), and its number and revision. */
  readonly ids: Uint8Array;
  readonly places: Float64Array;
  /** The records that are dropped, and those that some record says are to be. */
  readonly dropped: RevisionRanges;
  readonly retired: readonly RevisionRanges[];
  /** The records out of which events are cut, and what some record says of such. */
  readonly cut: readonly FoundCut[];
  readonly said_cut: readonly CutChunk[];
  readonly problems: readonly SegmentProblem[];
}

/** A record out of which events are cut, as it is in the file. */
export type FoundCut = Pick<CutChunk, 'stream' | 'revision' | 'indexes' | 'leaf' | 'left'>;

const isRemoval = compileFilter({ types: [...retirementEventTypes, 'TelemetryCut'] });

/** More than these say nothing new. */
const LISTED_PROBLEMS = 1_000;
const ID_BYTES = 16;

/** Checks every checksum and every leaf hash, by way of the chain, of a segment's commits, and that nothing follows. */
export const checkSegment = async (task: SegmentCheck, file: OpenFile): Promise<SegmentReport> => {
  const { segment } = task;
  const bytes = await file.size();
  const check = new Check(segment, task.ids);
  if (await checkSealed(check, segment, file)) return { bytes, ...check.report() };
  const to = task.end ?? bytes;
  const scan = scanSegment(segment, file, { from: HEADER_BYTES, to, next: segment.first }, byTurns());
  let step = await scan.next();
  for (; !step.done; step = await scan.next()) for (const commit of step.value) check.commit(commit);
  const { found, offset } = step.value;
  if (isDamage(found)) check.problem('a commit does not check out', offset);
  else if (task.end !== undefined && offset < to) check.problem('the log ends too early', offset);
  else if (task.end === undefined) {
    const at = await firstNonZero(file, offset, bytes);
    if (at !== undefined) check.problem(NO_ROOM, at);
  }
  return { bytes, ...check.report() };
};

/** Checks a segment if it is sealed: its records must come back as what was hashed when they were acknowledged. */
const checkSealed = async (check: Check, segment: Segment, file: OpenFile): Promise<boolean> => {
  let sealed: SealedFile | undefined;
  try {
    sealed = await SealedFile.open(segment.name, file);
    if (!sealed) return false;
    for await (const block of sealed.blocks()) check.block(block, sealed.offsetOf(block.number));
    check.endOf(sealed.header);
  } catch (error) {
    const { detail, offset } = damageIn(error);
    check.problem(detail, offset);
  }
  if (sealed) check.goOn(sealed.header);
  return true;
};

const damageIn = (error: unknown): SegmentProblem => {
  if (error instanceof LogCorrupt) return error;
  if (error instanceof UndecodableColumns) return { detail: error.message, offset: 0 };
  throw error;
};

/** What is wrong with a byte behind the last commit. */
export const NO_ROOM = 'there is something where nothing was written';

/** Where the first byte is that is not zero. */
export const firstNonZero = async (file: OpenFile, from: number, to: number): Promise<number | undefined> => {
  const block = Buffer.alloc(Math.min(1024 * 1024, to - from));
  for (let offset = from; offset < to; offset += block.length) {
    const length = await file.read(block.subarray(0, Math.min(block.length, to - offset)), offset);
    if (!isZero(block, 0, length)) return offset + block.findIndex((byte) => byte !== 0);
  }
  return undefined;
};

class Check {
  #next: number;
  #chain: Buffer;
  #events = 0;
  readonly #streams = new Map<string, StreamPart & { next: number }>();
  readonly #ids: Buffer[] = [];
  readonly #places: number[] = [];
  readonly #dropped: { readonly stream: string; readonly revision: number }[] = [];
  readonly #retired: RevisionRanges[] = [];
  readonly #cut: FoundCut[] = [];
  readonly #saidCut: CutChunk[] = [];
  readonly #problems: SegmentProblem[] = [];

  constructor(
    segment: Segment,
    private readonly withIds: boolean,
  ) {
    this.#next = segment.first;
    this.#chain = segment.chain;
  }

  commit(commit: Commit): void {
    const { offset } = commit;
    const chain = commit.count > 0 ? chainAfter(this.#chain, commit.leaves()) : this.#chain;
    if (!commit.header.chain.equals(chain)) this.problem('the records are not those of the chain', offset);
    this.#chain = commit.header.chain;
    this.#next = commit.last + 1;
    this.#records(commit, offset);
  }

  /** Of a sealed segment: its leaf hashes are held against its records, and the chain against the leaf hashes. */
  block(block: SealedBlock, offset: number): void {
    for (let i = 0; i < block.count; i += 1)
      if (block.isDropped(i)) this.#dropped.push(placeOf(block.payload(i)));
      else if (block.gone(i).length > 0) this.#takeCut(block, i);
      else if (!leafOf(block.payload(i)).equals(block.leaf(i)))
        this.problem(`record ${block.number + i} is not what was acknowledged`, offset);
    if (!block.chainAt(this.#chain)?.equals(block.chain))
      this.problem('the records are not those of the chain', offset);
    this.#chain = block.chain;
    this.#next = block.last + 1;
    this.#records(block, offset);
  }

  /** What is left of a record is held against what was said of it, once all of that is known. */
  #takeCut(block: SealedBlock, i: number): void {
    const payload = block.payload(i);
    const { stream, revision } = placeOf(payload);
    const leaf = block.leaf(i).toString('hex');
    const left = leafOf(payload).toString('hex');
    this.#cut.push({ stream, revision, indexes: indexRanges(block.gone(i)), leaf, left });
  }

  endOf({ last, after, directory }: SealedHeader): void {
    if (this.#next !== last + 1 || !this.#chain.equals(after))
      this.problem('it does not end where it says', directory);
  }

  /** What follows a sealed segment is held against what that says of its end, damaged as it may be. */
  goOn({ last, after }: SealedHeader): void {
    this.#next = last + 1;
    this.#chain = after;
  }

  #records(records: Pick<Commit, 'number' | 'count' | 'keys' | 'event'>, offset: number): void {
    for (let i = 0; i < records.count; i += 1) {
      const event = records.event(i, isRemoval);
      const said = event && retirementIn(event);
      if (said) this.#retired.push(said.records);
      const cut = event && cutIn(event);
      if (cut) this.#saidCut.push(...cut.chunks);
    }
    let { number } = records;
    for (const { stream, revision, id, truncation } of records.keys()) {
      if (!truncation) {
        this.#revision(stream, revision, offset);
        this.#events += 1;
        if (this.withIds) {
          this.#ids.push(id);
          this.#places.push(number, revision);
        }
      }
      number += 1;
    }
  }

  #revision(stream: string, revision: number, offset: number): void {
    const part = this.#streams.get(stream);
    if (!part) {
      this.#streams.set(stream, { stream, first: revision, offset, next: revision + 1 });
      return;
    }
    if (revision !== part.next) this.problem(outOfTurn(stream, revision, part.next), offset);
    part.next = revision + 1;
  }

  problem(detail: string, offset: number): void {
    if (this.#problems.length < LISTED_PROBLEMS) this.#problems.push({ detail, offset });
  }

  report(): Omit<SegmentReport, 'bytes'> {
    return {
      next: this.#next,
      chain: Uint8Array.from(this.#chain),
      events: this.#events,
      streams: [...this.#streams.values()],
      ids: Uint8Array.from(Buffer.concat(this.#ids, this.#ids.length * ID_BYTES)),
      places: Float64Array.from(this.#places),
      dropped: rangesOf(this.#dropped),
      retired: this.#retired,
      cut: this.#cut,
      said_cut: this.#saidCut,
      problems: this.#problems,
    };
  }
}

/** What is wrong with a record whose revision is not its predecessor's next. */
export const outOfTurn = (stream: string, revision: number, due: number): string =>
  `stream ${stream} has revision ${revision} where ${due} is due`;

/** Each event's id, number and revision. */
export function* placesIn({
  ids,
  places,
}: SegmentReport): Iterable<{ id: Buffer; number: number; revision: number }> {
  const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  for (let i = 0; i < places.length / 2; i += 1)
    yield {
      id: bytes.subarray(i * ID_BYTES, (i + 1) * ID_BYTES),
      number: places[2 * i] ?? 0,
      revision: places[2 * i + 1] ?? 0,
    };
}
