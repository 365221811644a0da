import {
  CLIENT_ID_WINDOW_MS,
  type ClientIds,
  type First,
  type GivenIds,
  type IdClaim,
  type Span,
  type SpanOutcome,
} from '../client-ids.js';
import type { TenantId } from '../../domain/ids.js';
import { TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import { clientIdsOf } from '../../domain/telemetry/client-ids.js';
import { START, type EventLog, type Position, type RecordedEvent } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { Random } from '../../platform/random.js';
import { hashBytesInto, hashInto, HASH_WORDS, type HashKey } from './hash.js';
import { Holder } from './holder.js';
import { IdTable } from './id-table.js';
import { runFiles } from './run-files.js';
import { RunThread } from './run-thread.js';
import { Runs } from './runs.js';

export interface LogClientIdsOptions {
  readonly directory: string;
  readonly log: Pick<EventLog, 'readAll' | 'subscribe' | 'head'>;
  readonly clock: Clock;
  readonly random: Random;
  /** True where other processes write to the log too: what they store is then followed. */
  readonly shared: boolean;
  /** Ids that are kept in memory before they are written. */
  readonly recent?: number;
  /** The compiled run-worker.js, to make runs in a thread of its own. Absent: they are made in this one. */
  readonly thread?: URL;
  /** Told when the ids in memory could not be written; it is tried again. */
  readonly onTrouble?: (error: unknown) => void;
}

const RECENT = 131_072;
/** How far the runs are behind the log, at most. */
const LATEST_MS = 10_000;
const ONLY_TELEMETRY = { types: [TELEMETRY_RECORDED] };

/**
 * Client ids in a table in memory and, behind it, in runs on disk. A run carries the position up to which it and the
 * earlier ones know the log; a start reads what came after. So an id is here exactly where its event is in the log.
 */
export class LogClientIds implements ClientIds {
  #runs: Runs | undefined;
  #key: HashKey = [0, 0];
  #table = new IdTable();
  /** A table that is being written; its ids are still found in it. */
  #leaving: { readonly table: IdTable; readonly checkpoint: Position } | undefined;
  /** Claims under way. */
  readonly #open = new Set<Holder>();
  /** Up to here the log's ids have been read. */
  #followed: Position = START;
  readonly #closing = new AbortController();
  #hurry = new AbortController();
  #work: Promise<unknown> = Promise.resolve();
  readonly #thread: RunThread | undefined;

  constructor(private readonly options: LogClientIdsOptions) {
    this.#thread = options.thread && new RunThread(options.thread);
  }

  /** Opens the runs and reads what the log holds behind them. Nothing may be claimed before. */
  async start(): Promise<void> {
    const { directory, log, random, shared } = this.options;
    this.#runs = await Runs.open(directory, this.#thread ?? runFiles);
    // Runs that know more than the log are of another one, or of one that was put back.
    if ((this.#runs.checkpoint ?? START) > (await log.head())) await this.#runs.clear();
    const secret = random.bytes(8);
    this.#key = this.#runs.key ?? [secret.readUInt32LE(0), secret.readUInt32LE(4)];
    this.#followed = this.#runs.checkpoint ?? START;
    for await (const { events, position } of log.readAll(this.#followed, ONLY_TELEMETRY)) {
      for (const event of events) this.#learn(event);
      this.#followed = position;
      if (this.#table.size >= this.#limit) await this.#write(position);
    }
    const following = shared ? [this.#follow()] : [];
    this.#work = Promise.all([this.#keepWriting(), ...following]);
  }

  async claim(tenant: TenantId, ids: GivenIds, spans: readonly Span[]): Promise<IdClaim> {
    const hashed = hashedIds(ids, this.#keyOf(tenant));
    for (;;) {
      const claim = new Claim(hashed.given.length, this.#open);
      const other = this.#claim(claim, hashed, spans);
      if (this.#table.size >= this.#limit) this.#hurry.abort();
      if (!other) return claim;
      claim.abandon();
      await other.known();
    }
  }

  async position(): Promise<Position> {
    return this.options.log.head();
  }

  /** Writes what is in memory, so that the next start has little to read. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#hurry.abort();
    await this.#work;
    if (this.#runs) await this.#tryToWrite();
    this.#runs?.close();
    this.#runs = undefined;
    await this.#thread?.close();
  }

  get #limit(): number {
    return this.options.recent ?? RECENT;
  }

  #insistOpen(): Runs {
    if (!this.#runs) throw new Error('The index of client ids is not open.');
    return this.#runs;
  }

  /** Tenants do not share ids: each has a secret of its own. */
  #keyOf(tenant: TenantId): HashKey {
    const words = new Uint32Array(HASH_WORDS);
    hashInto(words, 0, this.#key, tenant);
    return [words[0] ?? 0, words[1] ?? 0];
  }

  /** Puts a claim's ids into the table; gives the holder of another claim that has one of them, where there is one. */
  #claim(claim: Claim, { given, hashes }: HashedIds, spans: readonly Span[]): Holder | undefined {
    const runs = this.#insistOpen();
    const table = this.#table;
    const leaving = this.#leaving?.table;
    const after = this.#forgottenUpTo();
    const may_be_stored = runs.mayHold(hashes, after);
    table.fetch(hashes);
    leaving?.fetch(hashes);
    for (const [k, { from, to }] of spans.entries()) {
      let number = 0;
      let place = 0;
      for (let i = from; i < to; i += 1) {
        if (given[i] === 1) {
          const at = i * HASH_WORDS;
          const slot = table.slot(hashes, at);
          const found =
            held(table, slot, after) ??
            (leaving && held(leaving, leaving.slot(hashes, at), after)) ??
            (may_be_stored[i] === 1 ? runs.find(hashes, at, after) : undefined);
          if (found) {
            if ('holder' in found && !found.holder.outcome && found.holder.claim !== claim)
              return found.holder;
            claim.repeat(i, found);
            continue;
          }
          number ||= table.enlist(claim.holder(k));
          table.put(slot, hashes, at, number, place);
        }
        place += 1;
      }
    }
    return undefined;
  }

  /** Takes in the ids of a chunk of the log. */
  #learn(event: RecordedEvent): void {
    const { id: chunk, type, metadata } = event;
    const { tenant_id: tenant } = metadata;
    const recorded_at = Date.parse(metadata.recorded_at);
    if (type !== TELEMETRY_RECORDED || tenant === undefined || recorded_at <= this.#forgottenUpTo()) return;
    const ids = clientIdsOf(event);
    if (ids.length === 0) return;
    const holder = new Holder();
    holder.settle({ outcome: 'stored', chunk, index: 0, recorded_at });
    const number = this.#table.enlist(holder);
    const key = this.#keyOf(tenant);
    const hash = new Uint32Array(HASH_WORDS);
    for (const { id, index } of ids) {
      hashInto(hash, 0, key, id);
      const slot = this.#table.slot(hash, 0);
      // Over a claim the log has the last word: its answer may have been lost.
      if (!isStored(this.#table.holder(slot), recorded_at - CLIENT_ID_WINDOW_MS))
        this.#table.put(slot, hash, 0, number, index);
    }
  }

  /** Follows what other processes store, and what this one stored without getting an answer. */
  async #follow(): Promise<void> {
    const { log, clock, onTrouble } = this.options;
    const { signal } = this.#closing;
    while (!signal.aborted)
      try {
        for await (const batch of log.subscribe(this.#followed, ONLY_TELEMETRY, signal)) {
          for (const event of batch.events) this.#learn(event);
          this.#followed = batch.position;
        }
      } catch (error) {
        onTrouble?.(error);
        await clock.sleep(LATEST_MS, signal);
      }
  }

  async #keepWriting(): Promise<void> {
    const { clock } = this.options;
    await clock.sleep(LATEST_MS, this.#hurry.signal);
    while (!this.#closing.signal.aborted) {
      this.#hurry = new AbortController();
      const written = await this.#tryToWrite();
      await clock.sleep(LATEST_MS, written ? this.#hurry.signal : this.#closing.signal);
    }
  }

  async #tryToWrite(): Promise<boolean> {
    try {
      const { log, shared } = this.options;
      // What is in the log by now was claimed before: once those claims are settled its ids are in the table.
      const head = await log.head();
      const under_way = [...this.#open];
      await Promise.all(under_way.map((holder) => holder.known()));
      await this.#write(shared && this.#followed < head ? this.#followed : head);
      return true;
    } catch (error) {
      this.options.onTrouble?.(error);
      // Claims of what could not be stored must not fill the memory up while nothing can be written.
      const after = this.#forgottenUpTo();
      if (this.#table.size >= this.#limit)
        this.#table = this.#table.only((holder) => !holder.outcome || isStored(holder, after), 0);
      return false;
    }
  }

  /** What was recorded up to this time is no first any more. */
  #forgottenUpTo(): number {
    return this.options.clock.now() - CLIENT_ID_WINDOW_MS;
  }

  /** Writes the ids in memory as a run that knows the log up to a position. */
  async #write(checkpoint: Position): Promise<void> {
    const runs = this.#insistOpen();
    const after = this.#forgottenUpTo();
    if (this.#leaving) await this.#writeLeaving(runs, after);
    if (checkpoint === (runs.checkpoint ?? START) && this.#table.size < this.#limit) return;
    const leaving = this.#table;
    // As much time passes again, or as many ids come.
    this.#table = leaving.only((holder) => !holder.outcome, leaving.size);
    this.#leaving = { table: leaving, checkpoint };
    await this.#writeLeaving(runs, after);
  }

  async #writeLeaving(runs: Runs, after: number): Promise<void> {
    if (!this.#leaving) return;
    const { table, checkpoint } = this.#leaving;
    await runs.add(table.recent(), { key: this.#key, checkpoint }, after);
    this.#leaving = undefined;
  }
}

/** A request's ids by their hashes. */
interface HashedIds {
  /** 1 for each event that has an id. */
  readonly given: Uint8Array;
  readonly hashes: Uint32Array;
}

const hashedIds = (ids: GivenIds, key: HashKey): HashedIds => {
  const count = 'bytes' in ids ? ids.starts.length : ids.length;
  const given = new Uint8Array(count);
  const hashes = new Uint32Array(count * HASH_WORDS);
  if ('bytes' in ids) {
    const { bytes, starts, offset, length } = ids;
    given.fill(1);
    for (let i = 0; i < count; i += 1) {
      const start = (starts[i] ?? 0) + offset;
      hashBytesInto(hashes, i * HASH_WORDS, key, bytes, start, start + length);
    }
  } else
    for (let i = 0; i < count; i += 1) {
      const id = ids[i];
      if (id === undefined) continue;
      given[i] = 1;
      hashInto(hashes, i * HASH_WORDS, key, id);
    }
  return { given, hashes };
};

/** Whose an id is: an event on disk, or a place among a holder's. */
type Found = First | { readonly holder: Holder; readonly place: number };

/** Who holds a slot's id: claimed, or stored after a time. */
const held = (table: IdTable, slot: number, after: number): Found | undefined => {
  const holder = table.holder(slot);
  return holder && (!holder.outcome || isStored(holder, after))
    ? { holder, place: table.place(slot) }
    : undefined;
};

/** Whether a holder's events were stored after a time. */
const isStored = (holder: Holder | undefined, after: number): boolean =>
  holder?.outcome?.outcome === 'stored' && holder.outcome.recorded_at > after;

/** One request's claim: a holder for each span that has ids of its own. */
class Claim implements IdClaim {
  readonly #holders = new Map<number, Holder>();
  readonly #firsts = new Map<number, Found>();
  repeats?: Uint8Array;

  constructor(
    private readonly events: number,
    private readonly open: Set<Holder>,
  ) {}

  /** The holder of the k-th span's ids. */
  holder(k: number): Holder {
    const holder = new Holder(this);
    this.#holders.set(k, holder);
    this.open.add(holder);
    return holder;
  }

  repeat(index: number, first: Found): void {
    this.repeats ??= new Uint8Array(this.events);
    this.repeats[index] = 1;
    this.#firsts.set(index, first);
  }

  settle(k: number, outcome: SpanOutcome): void {
    const holder = this.#holders.get(k);
    if (!holder) return;
    holder.settle(outcome);
    this.open.delete(holder);
  }

  /** Gives up what was claimed. */
  abandon(): void {
    for (const k of this.#holders.keys()) this.settle(k, { outcome: 'failed' });
  }

  first(repeat: number): First | undefined {
    const found = this.#firsts.get(repeat);
    return found && 'holder' in found ? found.holder.first(found.place) : found;
  }
}
