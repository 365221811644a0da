import { setImmediate } from 'node:timers/promises';
import type { EventId, TenantId } from '../../domain/ids.js';
import { chunkIdOf, telemetryStream } from '../../domain/telemetry/address.js';
import type { ChunkHeader } from '../../domain/telemetry/chunk-header.js';
import { keepColumns } from '../../domain/telemetry/chunk.js';
import { MAX_CHUNK_EVENTS, TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import type { Position, StreamName } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { Random } from '../../platform/random.js';
import { SharedBudget } from '../../platform/shared-budget.js';
import { uuidV7 } from '../../platform/uuid.js';
import type { GuardTicket } from '../guard.js';
import type { CommandRefusal } from '../command.js';
import type { Cause, Draft, Instance, RecordWriter } from '../writer.js';
import { columnsOf, cut, pack, timesOf, type ChunkLimits, type Piece, type Received } from './received.js';
import { StreamEnd } from './stream-end.js';

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
  readonly chunk_ids?: readonly EventId[] | undefined;
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
/** Behind a shared one a chunk with fewer bytes waits for more, until so many turns of the event loop brought none. */
const SMALL_BYTES = 64 * 1024;
const QUIET_TURNS = 4;
const LONGEST_GATHERING_MS = 2;

/** A piece on its way to the log. */
interface Waiting {
  readonly piece: Piece;
  /** Its number in its request. */
  readonly k: number;
  readonly request: Pending;
}

/** A request that waits for its pieces: for all of them, also where one fails, since its bytes are read until then. */
interface Pending {
  readonly outcomes: PieceOutcome[];
  left: number;
  failure: Error | undefined;
  readonly done: (request: Pending) => void;
}

const settle = ({ k, request }: Waiting, outcome: PieceOutcome | Error): void => {
  if (outcome instanceof Error) request.failure ??= outcome;
  else request.outcomes[k] = outcome;
  request.left -= 1;
  if (request.left === 0) request.done(request);
};

/** A chunk that still collects pieces. */
interface OpenChunk {
  readonly cause: Cause;
  readonly time_offset_ms: number;
  readonly ticket: GuardTicket;
  /** Given where nothing else may join. */
  readonly id: EventId | undefined;
  readonly waiting: Waiting[];
  bytes: number;
  events: number;
}

/** One tenant's way into the log: its chunks go off in their order, each at the exact revision. */
interface Lane {
  readonly tenant: TenantId;
  /** All but the last take nothing more in. */
  readonly queue: OpenChunk[];
  /** Of the stream of the day. */
  end: StreamEnd | undefined;
  under_way: number;
  /** Whether the next chunk, where it is small, waits for requests that are just arriving; whether it does so now. */
  gathering: 'no' | 'due' | 'now';
  /** Resolves when what went off last has come to an end, and with it all before it. */
  ended: Promise<void>;
}

/**
 * Packs events into chunks and appends them. A chunk goes off at once where none of its tenant is under way or it is
 * full, and what comes meanwhile shares the next one: nobody waits for a timer, and the busier it is the more share
 * one flush. Where several requests shared the last chunk, the next waits for those that are just arriving: their
 * senders were answered together, so they come together.
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
  write(request: WriteRequest): Promise<readonly PieceOutcome[]> {
    const { tenant, pieces } = request;
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    if (pieces.length === 0 || !this.#waiting.take(tenant, bytes))
      return Promise.resolve(pieces.map(() => ({ ok: false, refusal: overloaded })));

    const lane = this.#laneOf(tenant);
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        outcomes: [],
        left: pieces.length,
        failure: undefined,
        done: ({ outcomes, failure }) => {
          this.#waiting.release(tenant, bytes);
          if (failure === undefined) resolve(outcomes);
          else reject(failure);
        },
      };
      for (const [k, piece] of pieces.entries()) this.#enqueue(lane, request, { piece, k, request: pending });
      this.#run(lane);
    });
  }

  #laneOf(tenant: TenantId): Lane {
    let lane = this.#lanes.get(tenant);
    if (!lane) {
      lane = {
        tenant,
        queue: [],
        end: undefined,
        under_way: 0,
        gathering: 'no',
        ended: Promise.resolve(),
      };
      this.#lanes.set(tenant, lane);
    }
    return lane;
  }

  #enqueue(lane: Lane, { cause, ticket, chunk_ids }: WriteRequest, waiting: Waiting): void {
    const { piece, k } = waiting;
    const id = chunk_ids?.[k];
    const { time_offset_ms = 0 } = piece.received;
    const events = piece.to - piece.from;
    const last = lane.queue.at(-1);
    if (
      last &&
      id === undefined &&
      last.id === undefined &&
      last.time_offset_ms === time_offset_ms &&
      isAlike(last.cause, cause) &&
      last.bytes + piece.bytes <= this.#limits.bytes &&
      last.events + events <= this.#limits.events
    ) {
      last.waiting.push(waiting);
      last.bytes += piece.bytes;
      last.events += events;
      return;
    }
    lane.queue.push({
      cause,
      time_offset_ms,
      ticket,
      id,
      waiting: [waiting],
      bytes: piece.bytes,
      events,
    });
  }

  #run(lane: Lane): void {
    if (lane.gathering === 'due' && lane.under_way === 0) void this.#gather(lane);
    while (this.#mayStart(lane)) {
      const chunk = lane.queue.shift();
      if (!chunk) return;
      lane.gathering = chunk.waiting.length > 1 ? 'due' : 'no';
      const before = lane.ended;
      lane.under_way += 1;
      lane.ended = this.#write(lane, chunk, before).then(async () => {
        lane.under_way -= 1;
        this.#run(lane);
        await before;
      });
    }
  }

  /** Lets requests that are just arriving join the next chunk. */
  async #gather(lane: Lane): Promise<void> {
    const [chunk] = lane.queue;
    if (!chunk) return;
    const mayGrow = (): boolean =>
      lane.queue[0] === chunk && chunk.bytes < SMALL_BYTES && chunk.id === undefined;
    const latest = this.clock.monotonic() + LONGEST_GATHERING_MS;
    lane.gathering = mayGrow() ? 'now' : 'no';
    for (let quiet = 0; mayGrow() && quiet < QUIET_TURNS && this.clock.monotonic() <= latest;) {
      const { bytes } = chunk;
      await setImmediate();
      quiet = chunk.bytes > bytes ? 0 : quiet + 1;
    }
    if (lane.queue[0] !== chunk) return;
    lane.gathering = 'no';
    this.#run(lane);
  }

  #mayStart({ tenant, queue, under_way, end, gathering }: Lane): boolean {
    if (under_way === 0) return queue.length > (gathering === 'now' ? 1 : 0);
    if (queue.length < 2 || under_way >= (this.options.under_way ?? 1)) return false;
    return end?.isSteady === true && end.stream === this.#streamOf(tenant);
  }

  /** Writes a chunk and answers its callers; never rejects. */
  async #write(lane: Lane, chunk: OpenChunk, before: Promise<void>): Promise<void> {
    try {
      const draft = this.#close(chunk);
      const outcome = await this.#endOf(lane).append(draft, chunk, before);
      let index = 0;
      for (const waiting of chunk.waiting) {
        if ('refusal' in outcome) settle(waiting, { ok: false, refusal: outcome.refusal });
        else {
          const { position, recorded_at, repeated } = outcome;
          settle(waiting, { ok: true, chunk: draft.id, index, position, recorded_at, repeated });
        }
        index += waiting.piece.to - waiting.piece.from;
      }
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      for (const waiting of chunk.waiting) settle(waiting, failure);
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

  /** The end of the stream of the day. */
  #endOf(lane: Lane): StreamEnd {
    const stream = this.#streamOf(lane.tenant);
    if (lane.end?.stream !== stream) lane.end = new StreamEnd(stream, this.writer, this.clock);
    return lane.end;
  }

  #streamOf(tenant: TenantId): StreamName {
    const day = new Date(this.clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
    return telemetryStream(tenant, this.options.shard, day) as StreamName;
  }
}

/** Whether records of two requests may be one. */
const isAlike = (one: Cause, other: Cause): boolean =>
  one.actor.id === other.actor.id && one.actor.kind === other.actor.kind && one.origin === other.origin;

const overloaded: CommandRefusal = {
  kind: 'unavailable',
  code: 'overloaded',
  detail: 'More events are waiting to be stored than fit into memory. Send them again later.',
  retry_after_seconds: 1,
};
