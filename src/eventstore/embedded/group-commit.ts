import type { Clock } from '../../platform/clock.js';
import { isDiskFull } from '../../platform/files.js';
import { EventStoreUnavailable, type StoreHealth } from '../event-store.js';
import { Commit } from './commit.js';
import { chainAfter, commitBytes, frameOffsets, HEADER_BYTES, writeHeader } from './format.js';
import type { EncodedRecords } from './record.js';
import type { Tail } from './recovery.js';
import { writeZeros, type Segments } from './segments.js';
import type { Run } from './unindexed.js';

/** Above this a group takes no further append in; one that is larger goes alone. */
const GROUP_BYTES = 8 * 1024 * 1024;

/** After this long without an append the last commit is marked as flushed. */
const IDLE_MS = 500;

/** The room before and after the frames of an append: one that goes alone is written from where it was encoded. */
export const MARGIN = HEADER_BYTES;

/** Something to be answered when everything before it, and itself, is durable. */
interface Submission {
  readonly write?: { readonly records: EncodedRecords; readonly run: Run };
  readonly resolve: () => void;
  readonly reject: (error: EventStoreUnavailable) => void;
}

export interface CommitListener {
  /** A commit is durable; called before those who wait for it are answered. */
  committed(commit: Commit, runs: readonly Run[]): void;
  /** Nothing after this record will become durable; called before those who wait are told. */
  dropped(last: number): void;
}

/**
 * Writes appends in groups: while one group is flushed the next is collected. One write, one flush, one commit for
 * each group. Holds the end of the log.
 */
export class GroupCommit {
  #queue: Submission[] = [];
  #inFlight: Submission[] = [];
  #running: Promise<void> | undefined;
  #health: StoreHealth = { status: 'ok' };
  /** How far behind the tail a write that failed may have left bytes. */
  #soiled = 0;
  #flushFailed = false;
  #marking: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(
    private readonly segments: Segments,
    private tail: Tail,
    private readonly listener: CommitListener,
    private readonly clock: Clock,
  ) {}

  /** The last record that is durable. */
  get durable(): number {
    return this.tail.next - 1;
  }

  get end(): Tail {
    return this.tail;
  }

  /** A disk that was full is looked at again: the next append may go through. */
  async health(): Promise<StoreHealth> {
    if (this.#health.status === 'disk_full' && (await this.segments.hasRoom()))
      this.#health = { status: 'ok' };
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
  submit(write?: Submission['write']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...(write && { write }), resolve, reject });
      this.#running ??= this.#run();
    });
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
    if (this.tail.offset + HEADER_BYTES > this.tail.size) return;
    this.#running = this.#work(async () => {
      const mark = Buffer.alloc(HEADER_BYTES);
      this.#writeCommitHeader(mark, 0, 0, this.tail.chain);
      await this.#write(mark);
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
    const first = this.#queue[0]?.write?.records.length ?? 0;
    if (this.tail.offset + commitBytes(first) > this.tail.size) await this.#roll();

    const group = (this.#inFlight = this.#takeGroup());
    const writes = group.flatMap(({ write }) => (write ? [write] : []));
    if (writes.length > 0) await this.#commit(writes);
    this.#inFlight = [];
    for (const { resolve } of group) resolve();
  }

  #takeGroup(): Submission[] {
    const room = Math.min(this.tail.size - this.tail.offset, GROUP_BYTES);
    let length = 0;
    let taken = 0;
    for (const { write } of this.#queue) {
      const bytes = write?.records.length ?? 0;
      if (taken > 0 && commitBytes(length + bytes) > room) break;
      length += bytes;
      taken += 1;
    }
    return this.#queue.splice(0, taken);
  }

  async #commit(writes: readonly NonNullable<Submission['write']>[]): Promise<void> {
    const all = writes.map(({ records }) => records);
    const length = sum(all.map((records) => records.length));
    const count = sum(all.map((records) => records.count));
    const chain = chainAfter(
      this.tail.chain,
      all.flatMap(({ leaves }) => leaves),
    );
    const bytes = join(all, length);
    this.#writeCommitHeader(bytes, count, length, chain);
    await this.#write(bytes);

    const { segment, offset, next } = this.tail;
    let at = offset + HEADER_BYTES;
    for (const { records, run } of writes) {
      run.offset = at;
      run.bytes = records.length;
      at += records.length;
    }
    const header = { kind: 'commit', number: next, count, length, chain, salt: segment.salt } as const;
    const frames = frameOffsets(bytes, HEADER_BYTES, header, false) ?? new Uint32Array();
    this.tail = {
      ...this.tail,
      offset: offset + commitBytes(length),
      next: next + count,
      chain,
      marked: false,
    };
    if (this.tail.offset * 4 > this.tail.size) this.segments.prepare();
    this.#marking ??= this.#markWhenIdle();
    this.listener.committed(
      new Commit(segment, offset, header, bytes, 0, frames),
      writes.map(({ run }) => run),
    );
  }

  #writeCommitHeader(into: Buffer, count: number, length: number, chain: Buffer): void {
    const { next: number, segment } = this.tail;
    writeHeader(into, 0, { kind: 'commit', number, count, length, chain, salt: segment.salt });
  }

  /** Writes and flushes at the end of the log. */
  async #write(bytes: Buffer): Promise<void> {
    const { file, offset } = this.tail;
    if (this.#soiled > 0) {
      await writeZeros(file, offset, offset + this.#soiled);
      await this.#flush();
    }
    this.#soiled = bytes.length;
    await file.write(bytes, offset);
    await this.#flush();
    this.#soiled = 0;
    if (this.#health.status === 'disk_full') this.#health = { status: 'ok' };
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
    const size = await file.size();
    this.tail = { segment, file, size, offset: HEADER_BYTES, next, chain, marked: true };
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
    this.#inFlight = [];
    this.#queue = [];
    this.listener.dropped(this.durable);
    for (const { reject } of failed) reject(new EventStoreUnavailable(status, detail));
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The bytes of a commit, its header still to be written. */
const join = (all: readonly EncodedRecords[], length: number): Buffer => {
  const [only] = all;
  const own = only && all.length === 1;
  const bytes = own
    ? only.buffer.subarray(0, commitBytes(length))
    : Buffer.allocUnsafeSlow(commitBytes(length));
  let at = HEADER_BYTES;
  if (own) at += length;
  else
    for (const records of all) {
      records.buffer.copy(bytes, at, MARGIN, MARGIN + records.length);
      at += records.length;
    }
  return bytes.fill(0, at);
};
