import type { Sought } from '../../domain/telemetry/query/sift.js';
import { spanOver, type TimeSpan } from '../../domain/time-spans.js';
import { hasErrorCode } from '../../platform/files.js';
import type { RecordDropping } from '../dropping.js';
import type { AppendOutcome, EventLogWriter, ExpectedRevision } from '../event-log-writer.js';
import {
  START,
  toPosition,
  type EventBatch,
  type EventFilter,
  type EventLog,
  type NewEvent,
  type ChunkPlace,
  type Position,
  type RecordedEvent,
  type Revision,
  type Room,
  type SiftedChunk,
  type StoreHealth,
  type StreamName,
  type SubscribeOptions,
} from '../event-store.js';
import type { Lock } from '../../platform/directory-lock.js';
import { EmbeddedDropping } from './embedded-dropping.js';
import { followBatches, Loans, readBatches, readFound } from './event-batches.js';
import { GENESIS } from './format.js';
import type { Frames } from './frames.js';
import { GroupCommit, type Sealer } from './group-commit.js';
import { Indexer } from './indexer.js';
import { layoutOf, type Layout } from './layout.js';
import { MemoryPool } from './lent-memory.js';
import type { LogIndex } from './log-index.js';
import { LogReader } from './log-reader.js';
import { checkInThreads, SealThread } from './log-threads.js';
import { catchUp, checkIndex, endsWith, openLmdbIndex } from './open-index.js';
import { limitsOf, LogNotInitialised, takeLock, type EmbeddedOptions } from './options.js';
import { RecentCommits } from './recent-commits.js';
import { RecordTree } from './record-tree.js';
import { encodeEvents, encodeTruncation, idBytes, prepareEvents, streamNameBytes } from './record.js';
import { recoverTail, type Tail, type TornTail } from './recovery.js';
import { encodeInThread } from './sealed/sealing-thread.js';
import {
  encodeHere,
  Sealing,
  type SealingProgress,
  type SealingReport,
  type SealingResult,
} from './sealed/sealing.js';
import { numberOf } from './record-number.js';
import { Segments } from './segments.js';
import { snapshotLog } from './snapshot.js';
import { siftAll, sifterHere, sifterInThreads, type FoundChunk, type Sifter } from './sifting.js';
import { Tide } from './tide.js';
import { Unindexed, type Run } from './unindexed.js';
import { segmentBytes, verifyLog, type LogVerification, type VerifyProgress } from './verify-log.js';

export interface LogStat {
  readonly segments: number;
  /** On disk, with the room made ahead. */
  readonly bytes: number;
  /** Truncations count: they are records too. */
  readonly records: number;
  readonly streams: number;
  readonly head: Position;
  /** The hash chain after the last commit, in hexadecimal digits. */
  readonly chain: string;
}

const RUNS_AT_ONCE = 256;
/** So many records are read and passed over rather than looked up. */
const NEAR_RECORDS = 256;
/** So many runs of some streams are looked up, and held in memory, at the most. */
const MOST_RUNS = 500_000;

/** The log in segment files on the local disk: one process, one writer. */
export class EmbeddedEventStore implements EventLog, EventLogWriter {
  readonly #unindexed: Unindexed;
  readonly #recent: RecentCommits;
  readonly #indexer: Indexer;
  readonly #group: GroupCommit;
  readonly #reader: LogReader;
  readonly #tide: Tide;
  readonly #sealing: Sealing;
  readonly #sealer: Sealer | undefined;
  readonly #memory: MemoryPool;
  /** The Merkle tree over the records. */
  readonly tree: RecordTree;
  /** What makes room of records that are allowed to go. */
  readonly dropping: RecordDropping;
  readonly #sifter: Sifter;
  /** The number of the record that is appended next, with all that is under way. */
  #next: number;
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly options: EmbeddedOptions,
    private readonly lock: Lock,
    private readonly index: LogIndex,
    private readonly segments: Segments,
    layout: Layout,
    tail: Tail,
    /** What a crash had left unfinished and opening took away. */
    readonly torn: TornTail | undefined,
  ) {
    this.#unindexed = new Unindexed(index);
    this.#recent = new RecentCommits(limitsOf(options).recentBytes);
    this.#indexer = new Indexer(index, this.#unindexed, options.clock);
    this.#tide = new Tide(tail.next - 1, options.clock);
    this.#next = tail.next;
    this.#sealer = options.threads && new SealThread(options.threads);
    this.#memory = options.memory ?? new MemoryPool();
    this.#group = new GroupCommit(
      segments,
      tail,
      limitsOf(options),
      {
        committed: (commit, runs, leaves) => {
          const { number, count, offset, header } = commit;
          this.#recent.add(commit);
          this.tree.committed(number, leaves, header.chain);
          this.#indexer.add({ number, count, offset, chain: header.chain, runs });
          this.#tide.rise(commit.last, runs.every(({ times }) => times) ? commit.bytes : Infinity);
        },
        dropped: (last) => {
          this.#unindexed.dropAfter(last);
          this.#next = last + 1;
        },
      },
      options.clock,
      this.#sealer,
    );
    const { files, clock, sealing, sifting } = options;
    this.#sifter = sifting ? sifterInThreads(sifting) : sifterHere(files);
    this.#sealing = new Sealing(
      segments,
      files,
      layout,
      sealing ? encodeInThread(sealing) : encodeHere(files),
      clock,
      () => this.#group.appended,
      limitsOf(options).unsealedSegments,
    );
    this.#reader = new LogReader(segments, this.#recent, this.#unindexed, () => this.#group.end);
    this.dropping = new EmbeddedDropping({
      segments,
      group: this.#group,
      reader: this.#reader,
      sealing: this.#sealing,
      recent: this.#recent,
      unindexed: this.#unindexed,
    });
    this.tree = new RecordTree(
      files,
      layout.tree,
      {
        cursor: (next) => this.#reader.cursor(next),
        endsWith: (number, chain) => endsWith({ number, chain }, index, segments),
      },
      tail.next,
      limitsOf(options).treeCommits,
    );
  }

  /** Makes an empty log in a directory; leaves one that is there as it is. */
  static async initialise(directory: string, options: EmbeddedOptions): Promise<void> {
    const { files } = options;
    const layout = layoutOf(directory);
    for (const path of [layout.root, layout.log, layout.index]) await files.makeDirectory(path);
    await files.flushDirectory(layout.root);
    const lock = await takeLock(layout, options);
    try {
      const segments = await Segments.load(files, layout, options.random, options.directBytes);
      if (!segments.last) await (await segments.begin(1, GENESIS)).file.close();
    } finally {
      await lock.free();
    }
  }

  /**
   * Opens a log that was initialised. Creates nothing and changes no byte in it but those of a write that a crash
   * tore apart. Throws LogCorrupt, LogNotInitialised or LogInUse.
   */
  static async open(directory: string, options: EmbeddedOptions): Promise<EmbeddedEventStore> {
    const { files, random } = options;
    const layout = layoutOf(directory);
    await files.list(layout.log).catch((error: unknown) => {
      throw hasErrorCode(error, 'ENOENT') ? new LogNotInitialised(directory) : error;
    });
    const lock = await takeLock(layout, options);
    const undo = [() => lock.free()];
    try {
      const segments = await Segments.load(files, layout, random, options.directBytes);
      const { last } = segments;
      if (!last) throw new LogNotInitialised(directory);
      await segments.dropUnfinished();
      const index = options.index ?? (await openLmdbIndex(layout.index));
      undo.push(() => index.close());
      const file = await segments.goOn(last);
      undo.push(() => file.close());
      const known = index.checkpoint();
      const { tail, torn } = await recoverTail(last, file, known?.number ?? 0);
      if (known) await checkIndex(known, index, segments);
      const store = new EmbeddedEventStore(options, lock, index, segments, layout, tail, torn);
      await catchUp(store.#reader.cursor((known?.number ?? 0) + 1), index, (commit) => {
        for (const run of commit.runs) store.#unindexed.begin({ ...run });
        store.#indexer.add(commit);
      });
      return store;
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  /** Checks a log that is not open, damaged as it may be. Writes nothing. */
  static async verifyAt(
    directory: string,
    options: EmbeddedOptions,
    onProgress?: (progress: VerifyProgress) => void,
  ): Promise<LogVerification> {
    const { files, random } = options;
    const segments = await Segments.load(files, layoutOf(directory), random);
    if (!segments.last) throw new LogNotInitialised(directory);
    return verifyWith(options, segments, { isStill: () => true, ...(onProgress && { onProgress }) });
  }

  async append(
    stream: StreamName,
    expected: ExpectedRevision,
    events: readonly [NewEvent, ...NewEvent[]],
  ): Promise<AppendOutcome> {
    const name = streamNameBytes(stream);
    const ids = events.map(({ id }) => idBytes(id));
    this.#insistOpen();
    const known = ids.map((id) => this.#unindexed.record(id)).filter((record) => record !== undefined);
    const last = known.at(-1);
    if (last && known.length === ids.length) {
      await this.#settled(last.number);
      return { ...appended(last.revision, last.number), repeated: true };
    }

    const { next, number: latest } = this.#unindexed.stream(name);
    const actual = next === 0 ? 'none' : ((next - 1) as Revision);
    const distinct = new Set(events.map(({ id }) => id)).size;
    if (known.length > 0 || distinct < events.length || expected !== actual) {
      await this.#settled(Math.max(latest, ...known.map(({ number }) => number)));
      return { outcome: 'conflict', actual };
    }

    const { maxAppendBytes: limit } = limitsOf(this.options);
    const prepared = prepareEvents(stream, events);
    if (prepared.bytes > limit) return { outcome: 'too_large', bytes: prepared.bytes, limit };

    const records = encodeEvents(prepared, next, this.#memory);
    const number = this.#begin(events.length);
    const times = timesOf(events);
    await this.#write(records, { stream: name, revision: next, number, ids, truncation: false, times });
    return { ...appended(next + events.length - 1, number + events.length - 1), repeated: false };
  }

  async truncate(stream: StreamName, before: Revision): Promise<void> {
    const name = streamNameBytes(stream);
    this.#insistOpen();
    const head = this.#unindexed.stream(name);
    if (before <= head.before) return this.#settled(head.number);
    const records = encodeTruncation(stream, before);
    await this.#write(records, {
      stream: name,
      revision: before,
      number: this.#begin(1),
      ids: [],
      truncation: true,
    });
  }

  async *readStream(
    stream: StreamName,
    { from = 0 as Revision, limit = Infinity }: { from?: Revision; limit?: number } = {},
  ): AsyncGenerator<RecordedEvent, void> {
    const name = Buffer.from(stream);
    let left = limit;
    for (let next = Math.max(from, this.#unindexed.stream(name).before); left > 0;) {
      const runs = this.#unindexed.runs(name, next, RUNS_AT_ONCE, this.#group.durable);
      if (runs.length === 0) return;
      for await (const event of this.#reader.readRuns(runs)) {
        if (event.revision < next) continue;
        if (left <= 0) return;
        left -= 1;
        next = event.revision + 1;
        yield event;
      }
    }
  }

  sift(places: readonly ChunkPlace[], sought: Sought): Promise<readonly (SiftedChunk | undefined)[]> {
    return siftAll(
      this.#sifter,
      places.map((place) => this.#find(place)),
      sought,
    );
  }

  #find({ stream, revision, ...chunk }: ChunkPlace): FoundChunk {
    const name = Buffer.from(stream);
    if (revision < this.#unindexed.stream(name).before) return undefined;
    const [run] = this.#unindexed.runs(name, revision, 1, this.#group.durable);
    if (!run || run.revision > revision) return undefined;
    const number = run.number + revision - run.revision;
    const segment = this.segments.holding(number);
    return segment && { ...chunk, number, run, segment };
  }

  async *readAll(after: Position, filter: EventFilter = {}, room?: Room): AsyncGenerator<EventBatch, void> {
    let reached = numberOf(after);
    const { durable } = this.#group;
    // What is far between is looked up; of what is near the end all is read, which is as fast.
    const { stream_prefix, times } = filter;
    const runs =
      stream_prefix !== undefined && (times || durable - reached > NEAR_RECORDS)
        ? this.#unindexed.runsUnder(
            { prefix: Buffer.from(stream_prefix), after: reached, times },
            MOST_RUNS,
            durable,
          )
        : undefined;
    if (runs) {
      yield* readFound(this.#reader, runs, reached, filter);
      reached = durable;
    }
    const cursor = this.#reader.cursor(reached + 1, room);
    try {
      yield* readBatches(cursor, reached, filter, this.#tide);
    } finally {
      await cursor.close();
    }
  }

  async *subscribe(
    after: Position,
    filter: EventFilter,
    signal: AbortSignal,
    { lent = false }: SubscribeOptions = {},
  ): AsyncGenerator<EventBatch, void> {
    const cursor = this.#reader.cursor(numberOf(after) + 1);
    const loans = lent ? new Loans() : undefined;
    try {
      yield* followBatches(cursor, numberOf(after), filter, this.#tide, signal, loans);
    } finally {
      loans?.abandon();
      await cursor.close();
    }
  }

  head(): Promise<Position> {
    const { durable } = this.#group;
    return Promise.resolve(durable === 0 ? START : toPosition(durable));
  }

  async health(): Promise<StoreHealth> {
    const health = await this.#group.health();
    const { trouble } = this.#indexer;
    const details = [
      ...(trouble ? [`the index is behind: ${trouble}`] : []),
      ...(this.#sealing.trouble ? [`full segments stay as they are: ${this.#sealing.trouble}`] : []),
    ];
    return details.length > 0 && health.status === 'ok' ? { ...health, detail: details.join('; ') } : health;
  }

  /** From now on seals each segment that is full, until the log is closed. Appends nothing. */
  startSealing(report: SealingReport): void {
    this.#sealing.start(report);
  }

  /** Seals every segment that is full now. Appends nothing. */
  seal(onProgress?: (progress: SealingProgress) => void): Promise<SealingResult> {
    return this.#sealing.sealAll(onProgress);
  }

  /** How large the log is. */
  async stat(): Promise<LogStat> {
    const { next, chain } = this.#group.end;
    await this.#indexer.flush();
    return {
      segments: this.segments.all.length,
      bytes: await segmentBytes(this.segments),
      records: next - 1,
      streams: this.index.counts().streams,
      head: toPosition(next - 1),
      chain: chain.toString('hex'),
    };
  }

  /**
   * Makes a log of its own, in a new directory, of what is durable now, and reads it back. Answers what was found in
   * it, and the chain that it should have.
   */
  async snapshot(
    directory: string,
    onProgress?: (progress: VerifyProgress) => void,
  ): Promise<LogVerification & { readonly expected_chain: string }> {
    const end = this.#group.end;
    await snapshotLog(this.segments, end, directory);
    const found = await EmbeddedEventStore.verifyAt(directory, this.options, onProgress);
    return { ...found, expected_chain: end.chain.toString('hex') };
  }

  /** Checks every byte of what is durable, and the index against it. */
  async verify(onProgress?: (progress: VerifyProgress) => void): Promise<LogVerification> {
    const quiet = this.#group.end;
    const indexed = await this.#indexer.flush();
    return verifyWith(this.options, this.segments, {
      index: indexed ? this.index : { behind: this.#indexer.trouble ?? '' },
      end: quiet,
      isStill: () => this.#group.end === quiet && !this.#group.isBusy,
      ...(onProgress && { onProgress }),
    });
  }

  /** Waits for what is under way, brings the index up to it and lets the directory go. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#tide.end();
    await this.#sealing.close();
    await this.#group.close();
    await this.tree.close();
    await this.#indexer.close();
    await this.index.close();
    await this.#sealer?.close();
    await this.#sifter.close();
    await this.lock.free();
  }

  #insistOpen(): void {
    const { refusal } = this.#group;
    if (refusal) throw refusal;
  }

  /** Resolves when what an answer rests on is durable. */
  async #settled(number: number): Promise<void> {
    if (number > this.#group.durable) await this.#group.submit();
  }

  #begin(count: number): number {
    const number = this.#next;
    this.#next += count;
    return number;
  }

  async #write(frames: Frames, place: Omit<Run, 'count' | 'offset' | 'bytes'>): Promise<void> {
    const { bytes, starts, memory } = frames;
    const run: Run = { ...place, count: starts.length, offset: 0, bytes: bytes.length };
    this.#unindexed.begin(run);
    try {
      await this.#group.submit(frames, run);
    } catch (error) {
      // A thread may still read it.
      memory?.abandon();
      throw error;
    }
    memory?.release();
  }
}

/** When the events of some telemetry happened; undefined where not all of it is telemetry. */
const timesOf = (events: readonly NewEvent[]): TimeSpan | undefined =>
  events
    .map(({ metadata: { chunk } }) => chunk && { from: chunk.min_time, to: chunk.max_time })
    .reduce(spanOver);

const verifyWith = (
  { threads }: EmbeddedOptions,
  segments: Segments,
  options: Parameters<typeof verifyLog>[1],
): Promise<LogVerification> =>
  threads
    ? checkInThreads(threads, (elsewhere) => verifyLog(segments, { ...options, elsewhere }))
    : verifyLog(segments, options);

const appended = (
  revision: number,
  number: number,
): { outcome: 'appended'; revision: Revision; position: Position } => ({
  outcome: 'appended',
  revision: revision as Revision,
  position: toPosition(number),
});
