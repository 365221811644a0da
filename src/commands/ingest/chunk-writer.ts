import type { EventId, TenantId } from '../../domain/ids.js';
import { chunkIdOf, telemetryStream } from '../../domain/telemetry/address.js';
import type { ChunkHeader } from '../../domain/telemetry/chunk-header.js';
import { keepColumns, MAX_CHUNK_EVENTS, TELEMETRY_RECORDED } from '../../domain/telemetry/chunk.js';
import type { ExpectedRevision } from '../../eventstore/event-log-writer.js';
import {
  EventStoreUnavailable,
  type Position,
  type Revision,
  type StreamName,
} from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { Random } from '../../platform/random.js';
import { SharedBudget } from '../../platform/shared-budget.js';
import { uuidV7 } from '../../platform/uuid.js';
import type { GuardTicket } from '../guard.js';
import type { CommandRefusal } from '../command.js';
import { guarded, unavailable } from '../refusals.js';
import type { Cause, Draft, Instance, RecordWriter, WriteOutcome } from '../writer.js';
import { columnsOf, cut, pack, timesOf, type ChunkLimits, type Piece, type Received } from './received.js';

/** What became of a piece. */
export type PieceOutcome =
  | {
      readonly ok: true;
      readonly chunk: EventId;
      /** Index in the chunk of the piece's first event. */
      readonly index: number;
      readonly position: Position;
      readonly recorded_at: string;
      /** True where the chunk was in the log before this request. */
      readonly repeated: boolean;
    }
  | { readonly ok: false; readonly refusal: CommandRefusal };

export interface WriteRequest {
  readonly tenant: TenantId;
  readonly cause: Cause;
  readonly ticket: GuardTicket;
  /** Pieces of the request's events, as {@link ChunkWriter.cut} cuts them; none of them empty. */
  readonly pieces: readonly Piece[];
  /** Given for a request with an `Idempotency-Key`: the ids of its pieces' chunks. It then shares no chunk with others. */
  readonly chunk_ids?: readonly EventId[];
}

export interface ChunkWriterOptions {
  /** Distinguishes the streams of instances that write side by side. */
  readonly shard: string;
  readonly chunk?: ChunkLimits;
  /** Bytes that may wait to be written, shared by the tenants; more are refused. */
  readonly waiting_bytes?: number;
  /**
   * How many chunks of a tenant may be under way where they are full; absent: one. For a log that takes the appends to
   * a stream in the order in which they are made.
   */
  readonly under_way?: number;
}

const DEFAULT_CHUNK: ChunkLimits = { bytes: 900_000, events: MAX_CHUNK_EVENTS };
const DEFAULT_WAITING_BYTES = 128 * 1024 * 1024;
/** How often a chunk is tried again after another writer was faster, or the store did not answer. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 50;

interface Waiting {
  readonly piece: Piece;
  readonly settle: (outcome: PieceOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/** A chunk that still collects pieces. */
interface OpenChunk {
  readonly group: string;
  readonly cause: Cause;
  readonly ticket: GuardTicket;
  /** Given where nothing else may join. */
  readonly id?: EventId;
  readonly waiting: Waiting[];
  bytes: number;
  events: number;
}

/** One tenant's way into the log: its chunks go off in their order, each at the exact revision. */
interface Lane {
  readonly tenant: TenantId;
  /** All but the last take nothing more in. */
  readonly queue: OpenChunk[];
  stream: StreamName | undefined;
  /** The stream's last that is known, and the one that it will be where all that is under way goes well. */
  last: ExpectedRevision;
  presumed: ExpectedRevision;
  /** Whether all went well so far. */
  steady: boolean;
  under_way: number;
  /** Resolves when what went off last has come to an end, and with it all before it. */
  ended: Promise<void>;
}

/**
 * Packs events into chunks and appends them. A chunk goes off at once where none of its tenant is under way or it is
 * full, and what comes meanwhile shares the next one: nobody waits for a timer, and the busier it is the more share
 * one flush.
 * Requests share a chunk where tenant, actor, origin and the correction of times are the same; the record names the
 * first of them.
 * A caller is answered when its own events are durable, or known not to be.
 */
export class ChunkWriter {
  readonly #lanes = new Map<TenantId, Lane>();
  readonly #limits: ChunkLimits;
  readonly #waiting: SharedBudget;
  #sequence = 0;

  constructor(
    private readonly writer: RecordWriter,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly instance: Instance,
    private readonly options: ChunkWriterOptions,
  ) {
    this.#limits = options.chunk ?? DEFAULT_CHUNK;
    this.#waiting = new SharedBudget(options.waiting_bytes ?? DEFAULT_WAITING_BYTES);
  }

  /** Bytes that wait to be written. */
  get waiting_bytes(): number {
    return this.#waiting.used;
  }

  /** Cuts a request's events into pieces that fit a chunk; the same events always at the same places. */
  cut(received: Received): readonly Piece[] {
    return cut(received, this.#limits);
  }

  /** Stores a request's events; one outcome for each piece, in their order. */
  async write(request: WriteRequest): Promise<readonly PieceOutcome[]> {
    const { pieces } = request;
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    if (!this.#waiting.take(request.tenant, bytes))
      return pieces.map(() => ({ ok: false, refusal: overloaded }));

    const lane = this.#laneOf(request.tenant);
    const outcomes = pieces.map(
      (piece, k) =>
        new Promise<PieceOutcome>((settle, fail) => {
          this.#enqueue(lane, request, piece, k, { piece, settle, fail });
        }),
    );
    this.#run(lane);
    // All of them, also where one fails: the caller's bytes are read until then.
    const settled = await Promise.allSettled(outcomes);
    this.#waiting.release(request.tenant, bytes);
    return settled.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  }

  #laneOf(tenant: TenantId): Lane {
    let lane = this.#lanes.get(tenant);
    if (!lane) {
      lane = {
        tenant,
        queue: [],
        stream: undefined,
        last: 'none',
        presumed: 'none',
        steady: false,
        under_way: 0,
        ended: Promise.resolve(),
      };
      this.#lanes.set(tenant, lane);
    }
    return lane;
  }

  #enqueue(lane: Lane, request: WriteRequest, piece: Piece, k: number, waiting: Waiting): void {
    const { cause, ticket } = request;
    const id = request.chunk_ids?.[k];
    const { time_offset_ms = 0 } = piece.received;
    const group = `${cause.actor.kind} ${cause.actor.id} ${cause.origin} ${time_offset_ms}`;
    const events = piece.to - piece.from;
    const last = lane.queue.at(-1);
    if (
      last &&
      id === undefined &&
      last.id === undefined &&
      last.group === group &&
      last.bytes + piece.bytes <= this.#limits.bytes &&
      last.events + events <= this.#limits.events
    ) {
      last.waiting.push(waiting);
      last.bytes += piece.bytes;
      last.events += events;
      return;
    }
    lane.queue.push({
      group,
      cause,
      ticket,
      ...(id !== undefined && { id }),
      waiting: [waiting],
      bytes: piece.bytes,
      events,
    });
  }

  #run(lane: Lane): void {
    while (this.#mayStart(lane)) {
      const chunk = lane.queue.shift();
      if (!chunk) return;
      const before = lane.ended;
      lane.under_way += 1;
      lane.ended = this.#write(lane, chunk, before).then(async () => {
        lane.under_way -= 1;
        this.#run(lane);
        await before;
      });
    }
  }

  #mayStart({ tenant, queue, under_way, steady, stream }: Lane): boolean {
    if (under_way === 0) return queue.length > 0;
    const most = steady && stream === this.#streamOf(tenant) ? (this.options.under_way ?? 1) : 1;
    return under_way < most && queue.length > 1;
  }

  /** Writes a chunk and answers its callers; never rejects. */
  async #write(lane: Lane, chunk: OpenChunk, before: Promise<void>): Promise<void> {
    try {
      const draft = this.#close(chunk);
      const outcome = await this.#append(lane, chunk, draft, before);
      let index = 0;
      for (const { piece, settle } of chunk.waiting) {
        settle(
          'refusal' in outcome
            ? { ok: false, refusal: outcome.refusal }
            : { ok: true, chunk: draft.id, index, ...outcome },
        );
        index += piece.to - piece.from;
      }
    } catch (error) {
      for (const { fail } of chunk.waiting) fail(error);
    }
  }

  #close(chunk: OpenChunk): Draft {
    const pieces = chunk.waiting.map(({ piece }) => piece);
    const received_at = this.clock.now();
    const first_sequence = this.#sequence;
    this.#sequence += chunk.events;
    const id = chunk.id ?? chunkIdOf(uuidV7(this.clock, this.random));
    // All pieces of a chunk have the same.
    const { time_offset_ms, pseudonyms } = pieces[0]?.received ?? {};
    const header: ChunkHeader = {
      codec: 'ndjson',
      ...(pseudonyms && { pseudonyms }),
      count: chunk.events,
      // Each piece has a line break behind each event.
      bytes: chunk.bytes - chunk.events,
      ...timesOf(pieces, received_at),
      received_at,
      ...(time_offset_ms !== undefined && { time_offset_ms }),
      producer: this.instance.instance_id,
      first_sequence,
    };
    const columns = columnsOf(pieces, received_at);
    if (columns) keepColumns(id, header, columns);
    return { id, type: TELEMETRY_RECORDED, schema_version: 1, data: pack(pieces), chunk: header };
  }

  /** Appends at the exact revision, which after a conflict is the one that the store says. */
  async #append(
    lane: Lane,
    { cause, ticket }: OpenChunk,
    draft: Draft,
    before: Promise<void>,
  ): Promise<
    | { readonly position: Position; readonly recorded_at: string; readonly repeated: boolean }
    | { readonly refusal: CommandRefusal }
  > {
    const stream = this.#follow(lane);
    let expected = lane.under_way === 1 ? lane.last : lane.presumed;
    let refusal = contended;
    let unknown = false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 1) await this.clock.sleep(FIRST_PAUSE_MS * 2 ** attempt);
      lane.presumed = following(expected);
      let outcome: WriteOutcome;
      try {
        outcome = await this.writer.append(stream, expected, [draft], cause, ticket);
      } catch (error) {
        lane.steady = false;
        if (!(error instanceof EventStoreUnavailable)) throw error;
        if (error.reason !== 'unreachable') return { refusal: unavailable(error) };
        // Unknown whether it was written: the same record at the same revision again finds out.
        unknown = true;
        refusal = unavailable(error);
        // What went off before is repeated first, at the revision that it had.
        await before;
        continue;
      }
      switch (outcome.outcome) {
        case 'appended': {
          const { position, recorded_at, repeated } = outcome;
          // A record that was there already may be anywhere in the stream, or in another day's.
          if (!repeated) lane.last = later(lane.last, outcome.revision);
          lane.steady = !repeated;
          return { position, recorded_at, repeated: repeated && !unknown };
        }
        case 'conflict':
          lane.steady = false;
          lane.last = later(lane.last, outcome.actual);
          await before;
          expected = lane.last;
          refusal = contended;
          break;
        case 'guarded':
          lane.steady = false;
          return { refusal: guarded };
        case 'too_large':
          throw new Error(
            `A chunk of ${outcome.bytes} bytes was cut for a store that takes ${outcome.limit}.`,
          );
      }
    }
    return { refusal };
  }

  /** Turns to the stream of the day. What its last revision is, the first append finds out by a conflict. */
  #follow(lane: Lane): StreamName {
    const stream = this.#streamOf(lane.tenant);
    if (lane.stream !== stream) {
      lane.stream = stream;
      lane.last = 'none';
      lane.steady = false;
    }
    return stream;
  }

  #streamOf(tenant: TenantId): StreamName {
    const day = new Date(this.clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
    return telemetryStream(tenant, this.options.shard, day) as StreamName;
  }
}

const following = (last: ExpectedRevision): Revision => (last === 'none' ? 0 : last + 1) as Revision;

const later = (a: ExpectedRevision, b: ExpectedRevision): ExpectedRevision =>
  a === 'none' || (b !== 'none' && b > a) ? b : a;

const overloaded: CommandRefusal = {
  kind: 'unavailable',
  code: 'overloaded',
  detail: 'More events are waiting to be stored than fit into memory. Send them again later.',
  retry_after_seconds: 1,
};

const contended: CommandRefusal = {
  kind: 'unavailable',
  code: 'write_contention',
  detail: 'Another writer was faster again and again. Send the events again.',
  retry_after_seconds: 1,
};
