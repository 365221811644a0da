import { blockEnd } from '../../platform/aligned-memory.js';
import type { Clock } from '../../platform/clock.js';
import { isDiskFull } from '../../platform/files.js';
import { EventStoreUnavailable, type StoreHealth } from '../event-store.js';
import { Commit } from './commit.js';
import { chainAfter, commitBytes, FORMAT, HEADER_BYTES, writeHeader, type Header } from './format.js';
import type { Limits } from './options.js';
import { joinFrames, sealFrames, type Frames, type SealedFrames } from './frames.js';
import type { Tail } from './recovery.js';
import { writeZeros, ZEROS, type Segments } from './segments.js';
import type { Run } from './unindexed.js';

/** Above this a group takes no further append in; one that is larger goes alone. */
const GROUP_BYTES = 8 * 1024 * 1024;

/** After this long without an append the last commit is marked as flushed. */
const IDLE_MS = 500;

/** Appends from this size on are sealed by another thread and written from where they are; others share one piece. */
export const LARGE_BYTES = 64 * 1024;

/** Makes checksums and leaf hashes elsewhere, with the bytes away until it has done so. */
export interface Sealer {
  seal(frames: Frames): Promise<SealedFrames>;
  close(): Promise<void>;
}

/** An append on its way to the disk. */
interface Write {
  readonly length: number;
  readonly run: Run;
  /** Absent as long as it is being sealed. */
  sealed?: SealedFrames;
  readonly sealing?: Promise<void>;
}

type SealedWrite = Write & { readonly sealed: SealedFrames };

/** Something to be answered when everything before it, and itself, is durable. */
interface Submission {
  readonly write?: Write;
  readonly resolve: () => void;
  readonly reject: (error: EventStoreUnavailable) => void;
}

export interface CommitListener {
  /** A commit is durable, with its records' leaf hashes in rows; called before those who wait for it are answered. */
  committed(commit: Commit, runs: readonly Run[], leaves: readonly Buffer[]): void;
  /** Nothing after this record will become durable; called before those who wait are told. */
  dropped(last: number): void;
}

/**
 * Writes appends in groups: while one group is flushed the next is collected and sealed. One write, one flush, one
 * commit for each group. Holds the end of the log.
 */
export class GroupCommit {
  #queue: Submission[] = [];
  #inFlight: Submission[] = [];
  #running: Promise<void> | undefined;
  #health: StoreHealth = { status: 'ok' };
  #appended = 0;
  /** How far behind the tail a write that failed may have left bytes. */
  #soiled = 0;
  /** How large the commit was that a full disk refused. */
  #refused = 0;
  #flushFailed = false;
  #marking: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(
    private readonly segments: Segments,
    private tail: Tail,
    private readonly limits: Limits,
    private readonly listener: CommitListener,
    private readonly clock: Clock,
    private readonly sealer?: Sealer,
  ) {}

  /** The last record that is durable. */
  get durable(): number {
    return this.tail.next - 1;
  }

  get end(): Tail {
    return this.tail;
  }

  /** Bytes that were made durable since the log was opened. */
  get appended(): number {
    return this.#appended;
  }

  /** A disk that was full is looked at again: what it refused may go through. */
  async health(): Promise<StoreHealth> {
    if (this.#health.status === 'disk_full' && !this.#running) {
      this.#running = this.#work(async () => {
        if (!this.#fits(this.#refused)) await this.#roll();
        await this.#clean();
      });
      await this.#running;
    }
    return this.#health;
  }

  /** Whether something may be written at the end right now. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Why nothing can be submitted; undefined where it can. A full disk is no reason: there may be room by now. */
  get refusal(): EventStoreUnavailable | undefined {
    if (this.#closing.signal.aborted) return new EventStoreUnavailable('closed', 'the log was closed');
    if (this.#health.status !== 'halted') return undefined;
    return new EventStoreUnavailable('halted', this.#health.detail ?? 'the log takes no more writes');
  }

  /** Resolves when these records, if any, and everything submitted before are durable. */
  submit(frames?: Frames, run?: Run): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...(frames && run && { write: this.#seal(frames, run) }), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  #seal(frames: Frames, run: Run): Write {
    const { length } = frames.bytes;
    if (!this.sealer || length < LARGE_BYTES) return { length, run, sealed: sealFrames(frames) };
    const sealing = this.sealer.seal(frames).then((sealed) => {
      write.sealed = sealed;
    });
    // A failure shows when it is its turn.
    sealing.catch(() => undefined);
    const write: Write = { length, run, sealing };
    return write;
  }

  /**
   * Begins a new segment where the one in use has records up to one, so that those can be encoded anew. Writes no
   * record.
   */
  async rollPast(number: number): Promise<void> {
    while (this.#running) await this.#running;
    const { segment, next } = this.tail;
    if (this.refusal || number < segment.first || next === segment.first) return;
    this.#running = this.#work(() => this.#roll());
    await this.#running;
    if (this.tail.segment === segment) throw new EventStoreUnavailable('disk_full', 'no new segment');
  }

  async #markWhenIdle(): Promise<void> {
    for (let offset = 0; offset !== this.tail.offset && !this.#closing.signal.aborted;) {
      offset = this.tail.offset;
      await this.clock.sleep(IDLE_MS, this.#closing.signal);
    }
    await this.#mark();
    this.#marking = undefined;
  }

  /** Marks the last commit as flushed, so that later damage to it cannot be taken for a torn write. */
  async #mark(): Promise<void> {
    while (this.#running) await this.#running;
    if (this.tail.marked || this.#health.status === 'halted') return;
    if (!this.#fits(HEADER_BYTES)) return;
    this.#running = this.#work(async () => {
      await this.#write([headerBytes(this.#header(0, 0, this.tail.chain))]);
      this.tail = { ...this.tail, offset: this.tail.offset + HEADER_BYTES, marked: true };
    });
    await this.#running;
  }

  /** Waits for what was submitted, marks it and lets go of the segment. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#marking;
    while (this.#running) await this.#running;
    await this.tail.file.close();
  }

  async #run(): Promise<void> {
    // What is submitted in this turn of the event loop belongs to the first group.
    await Promise.resolve();
    await this.#work(async () => {
      while (this.#queue.length > 0) await this.#commitGroup();
    });
  }

  async #work(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fail(error);
    } finally {
      // Something may have been submitted since the work looked for the last time.
      this.#running = this.#queue.length > 0 ? this.#run() : undefined;
    }
  }

  async #commitGroup(): Promise<void> {
    const first = this.#queue.find(({ write }) => write)?.write;
    if (first && !(this.#fits(commitBytes(first.length)) && this.tail.segment.format === FORMAT))
      await this.#roll();
    await first?.sealing;

    const group = (this.#inFlight = this.#takeGroup());
    const writes = group.flatMap(({ write }) => (write && isSealed(write) ? [write] : []));
    if (writes.length > 0) await this.#commit(writes);
    this.#inFlight = [];
    for (const { resolve } of group) resolve();
  }

  /** Whether there is room in the segment. */
  #fits(bytes: number): boolean {
    return this.tail.offset + bytes <= this.limits.segmentBytes;
  }

  #takeGroup(): Submission[] {
    let length = 0;
    let taken = 0;
    for (const { write } of this.#queue) {
      const bytes = commitBytes(length + (write?.length ?? 0));
      if (taken > 0 && (!this.#fits(bytes) || bytes > GROUP_BYTES || (write && !write.sealed))) break;
      length += write?.length ?? 0;
      taken += 1;
    }
    return this.#queue.splice(0, taken);
  }

  async #commit(writes: readonly SealedWrite[]): Promise<void> {
    const length = sum(writes.map((write) => write.length));
    const count = sum(writes.map(({ run }) => run.count));
    const leaves = writes.map(({ sealed }) => sealed.leaves);
    const chain = chainAfter(this.tail.chain, leaves);
    const header = this.#header(count, length, chain);
    const parts = partsOf(writes.map(({ sealed }) => sealed));
    const padding = ZEROS.subarray(0, commitBytes(length) - HEADER_BYTES - length);
    await this.#write([headerBytes(header), ...parts.map(({ bytes }) => bytes), padding]);

    const { segment, offset, next } = this.tail;
    let at = offset + HEADER_BYTES;
    for (const { run, length: bytes } of writes) {
      run.offset = at;
      run.bytes = bytes;
      at += bytes;
    }
    at = offset + HEADER_BYTES;
    const placed = parts.map((part) => {
      const from = at;
      at += part.bytes.length;
      return { ...part, offset: from };
    });
    this.tail = {
      ...this.tail,
      offset: offset + commitBytes(length),
      next: next + count,
      chain,
      marked: false,
    };
    this.#appended += commitBytes(length);
    this.#marking ??= this.#markWhenIdle();
    this.listener.committed(
      new Commit(segment, offset, header, placed),
      writes.map(({ run }) => run),
      leaves,
    );
  }

  #header(count: number, length: number, chain: Buffer): Header {
    const { next: number, segment } = this.tail;
    return { kind: 'commit', format: segment.format, number, count, length, chain, salt: segment.salt };
  }

  /** Writes and flushes at the end of the log. */
  async #write(parts: readonly Buffer[]): Promise<void> {
    if (this.#soiled > 0) await this.#clean();
    const { file, offset, size } = this.tail;
    const bytes = sum(parts.map(({ length }) => length));
    const end = offset + bytes;
    // A mark comes where nothing else does: it needs no room behind it.
    const isSmall = bytes < Math.min(LARGE_BYTES, this.limits.roomBytes);
    const makesRoom = end > size && isSmall && bytes > HEADER_BYTES;
    let room = makesRoom ? Math.max(0, Math.min(this.limits.roomBytes, this.limits.segmentBytes - end)) : 0;
    this.#soiled = bytes;
    await file.append(parts, offset, ZEROS.subarray(0, room)).catch(async (error: unknown) => {
      if (room === 0 || !isDiskFull(error)) throw error;
      room = 0;
      await file.append(parts, offset);
    });
    await this.#flush();
    this.#soiled = 0;
    this.tail = { ...this.tail, size: Math.max(size, end + room) };
    this.#hasRoomFor(bytes);
  }

  /** Makes sure that zeros follow the last commit, where a refused one would stand with the rest of its last block. */
  async #clean(): Promise<void> {
    const { file, offset, size } = this.tail;
    const bytes = Math.max(this.#refused, this.#soiled);
    const end = blockEnd(offset + bytes);
    await writeZeros(file.cached, offset, end);
    await this.#flush();
    this.#soiled = 0;
    this.tail = { ...this.tail, size: Math.max(size, end) };
    this.#hasRoomFor(bytes);
  }

  #hasRoomFor(bytes: number): void {
    if (this.#health.status === 'disk_full' && bytes >= this.#refused) this.#health = { status: 'ok' };
  }

  async #flush(): Promise<void> {
    try {
      await this.tail.file.flush();
    } catch (error) {
      this.#flushFailed = true;
      throw error;
    }
  }

  async #roll(): Promise<void> {
    const full = this.tail;
    const { next, chain } = full;
    const { segment, file } = await this.segments.begin(next, chain);
    this.tail = { segment, file, size: HEADER_BYTES, offset: HEADER_BYTES, next, chain, marked: true };
    this.#soiled = 0;
    // Gives back the room that was made ahead; nothing depends on it.
    await full.file.truncate(full.offset).catch(() => undefined);
    await full.file.close().catch(() => undefined);
  }

  /**
   * A disk without room loses nothing: those who wait are told and may try again. After any other failure nobody
   * knows what is on the disk, and asking it to flush again may lie: nothing is written until a restart.
   */
  #fail(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    const status = isDiskFull(error) && !this.#flushFailed ? 'disk_full' : 'halted';
    this.#health = { status, detail };
    const failed = [...this.#inFlight, ...this.#queue];
    const first = failed.find(({ write }) => write)?.write;
    if (first) this.#refused = Math.max(this.#soiled, commitBytes(first.length));
    this.#inFlight = [];
    this.#queue = [];
    this.listener.dropped(this.durable);
    for (const { reject } of failed) reject(new EventStoreUnavailable(status, detail));
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const isSealed = (write: Write): write is SealedWrite => write.sealed !== undefined;

const headerBytes = (header: Header): Buffer => {
  const bytes = Buffer.alloc(HEADER_BYTES);
  writeHeader(bytes, 0, header);
  return bytes;
};

/** The frames of a commit in few pieces: large ones as they are, small ones that follow each other put together. */
const partsOf = (all: readonly Frames[]): readonly Frames[] => {
  const parts: Frames[] = [];
  let small: Frames[] = [];
  const join = (): void => {
    if (small.length > 0) parts.push(joinFrames(small));
    small = [];
  };
  for (const frames of all) {
    if (frames.bytes.length < LARGE_BYTES) small.push(frames);
    else {
      join();
      parts.push(frames);
    }
  }
  join();
  return parts;
};
