import { createHash } from 'node:crypto';
import type { ClientIds, IdClaim, SpanOutcome } from '../../clientids/client-ids.js';
import type { TenantId } from '../../domain/ids.js';
import { chunkIdOf, telemetryId } from '../../domain/telemetry/address.js';
import { START, type Position } from '../../eventstore/event-store.js';
import type { Pseudonyms } from '../../people/pseudonyms.js';
import type { Clock } from '../../platform/clock.js';
import type { Random } from '../../platform/random.js';
import { uuidFrom, uuidV7 } from '../../platform/uuid.js';
import type { DeploymentGuard, GuardTicket } from '../guard.js';
import type { Claims, Keyed } from '../claims.js';
import { refused, type CommandContext, type CommandRefusal, type CommandResult } from '../command.js';
import { guarded } from '../refusals.js';
import type { Cause } from '../writer.js';
import type { ChunkWriter, PieceOutcome } from './chunk-writer.js';
import {
  placesOf,
  readBatch,
  readOne,
  type Reading,
  type ReadLimits,
  type RejectedEvent,
} from './read-events.js';
import { readMade, type MadeEvents } from './made-events.js';
import type { Quotas } from './quotas.js';
import { without, type Piece, type Received } from './received.js';
import type { BatchFormat } from './split.js';

export interface OneAnswer {
  readonly event_id: string;
  readonly recorded_at: string;
  /** Present where an event with this id was stored before: the answer tells of that one. */
  readonly duplicate?: true;
}

export interface BatchAnswer {
  readonly accepted: number;
  /** Events that are stored already: under the same id, or by an earlier request under the same key. */
  readonly duplicates: number;
  readonly rejected: number;
  /** The rejected ones; the first hundred unless more were asked for. */
  readonly errors: readonly RejectedEvent[];
  readonly batch_id: string;
}

export interface BatchOptions {
  /** Names every rejected event instead of the first hundred. */
  readonly verbose?: boolean;
  /** All or nothing: one event that is not valid refuses the batch. */
  readonly atomic?: boolean;
}

/** Events of one batch, where nothing else is set. */
export const MAX_BATCH_EVENTS = 10_000;
const ERRORS_SHOWN = 100;

/** What became of a request's events. */
interface Written {
  /** The pieces that were to be stored: as cut, and how many of their events are no repetitions. */
  readonly pieces: readonly { readonly cut: Piece; readonly count: number; readonly outcome: PieceOutcome }[];
  /** Present where events have ids: knows which of them are repetitions, and of what. */
  readonly claim: IdClaim | undefined;
  /** By here the repeated events are in the log. */
  readonly position: Position;
}

/** A piece as cut, and what of it is no repetition. */
interface Kept {
  /** The piece's number among all. */
  readonly k: number;
  readonly cut: Piece;
  readonly piece: Piece;
}

const stored = (cut: Piece, { from, to }: Piece, outcome: PieceOutcome | undefined): Written['pieces'] =>
  outcome ? [{ cut, count: to - from, outcome }] : [];

const settlementOf = (outcome: PieceOutcome | undefined): SpanOutcome => {
  if (!outcome?.ok) return { outcome: 'failed' };
  const { chunk, index, recorded_at, repeated } = outcome;
  return repeated
    ? { outcome: 'stored_before' }
    : { outcome: 'stored', chunk, index, recorded_at: Date.parse(recorded_at) };
};

const refusing = (refusal: CommandRefusal): { readonly ok: false; readonly refusal: CommandRefusal } => ({
  ok: false,
  refusal,
});

/** Takes telemetry in: authorise → validate → guard → idempotency → append, then the answer. */
export class TelemetryIngest {
  constructor(
    private readonly chunks: ChunkWriter,
    private readonly client_ids: ClientIds,
    private readonly guard: DeploymentGuard,
    private readonly claims: Claims,
    private readonly quotas: Quotas,
    private readonly clock: Clock,
    private readonly random: Random,
    /** Given where the log's files cannot be rewritten: nobody is named in them. */
    private readonly pseudonyms?: Pick<Pseudonyms, 'hide'>,
  ) {}

  /** Stores one event. */
  async one(body: Buffer, context: CommandContext): Promise<CommandResult<OneAnswer>> {
    const admitted = this.#admit(context);
    if (!admitted.ok) return admitted;
    const reading = readOne(body, this.#readLimits(context));
    if (!reading.ok) return refusing(invalid(reading.code, reading.detail));
    const [fault] = reading.rejected;
    if (fault) return refusing(ofFault(fault));
    const ticket = this.guard.admit('telemetry');
    if (!ticket) return refusing(guarded);

    return this.#once('one', body, context, (keyed) =>
      this.#write(admitted.tenant, context, ticket, reading, keyed).then(oneResult),
    );
  }

  /** Stores the valid events of a batch and names the others. */
  async batch(
    body: Buffer,
    format: BatchFormat,
    context: CommandContext,
    options: BatchOptions = {},
  ): Promise<CommandResult<BatchAnswer>> {
    const admitted = this.#admit(context);
    if (!admitted.ok) return admitted;
    const reading = readBatch(body, format, {
      ...this.#readLimits(context),
      events: context.limits?.batch_events ?? MAX_BATCH_EVENTS,
    });
    if (!reading.ok)
      return refusing({
        ...invalid(reading.code, reading.detail),
        ...(reading.code === 'too_many_events' && { kind: 'too_large' }),
      });
    const overdrawn = context.charge?.(reading.received.starts.length + reading.rejected.length);
    if (overdrawn) return refusing(overdrawn);
    if (reading.received.starts.length === 0 || (options.atomic && reading.rejected.length > 0))
      return refusing(nothingStored(reading.rejected, options));
    const ticket = this.guard.admit('telemetry');
    if (!ticket) return refusing(guarded);

    return this.#once('batch', body, context, async (keyed): Promise<CommandResult<BatchAnswer>> => {
      const written = await this.#write(admitted.tenant, context, ticket, reading, keyed);
      const batch_id = keyed ? uuidFrom('batch', keyed.key, keyed.body) : uuidV7(this.clock, this.random);
      return batchResult(reading, written, `bat_${batch_id.replaceAll('-', '')}`, options, keyed);
    });
  }

  /**
   * Stores events that another format was read into; those that are not valid are named. Unlike a batch it may be
   * empty, or have nothing that is valid: its sender then has an answer of its own.
   */
  async events(
    { lines, count, format, identity, known }: MadeEvents,
    context: CommandContext,
  ): Promise<CommandResult<BatchAnswer>> {
    const admitted = this.#admit(context);
    if (!admitted.ok) return admitted;
    const ticket = this.guard.admit('telemetry');
    if (!ticket) return refusing(guarded);
    const limits = { ...this.#readLimits(context), events: count };
    const reading = (known && readMade(lines, known, limits)) ?? readLines(lines, limits);

    const { actor } = context.principal;
    const body = identity && sha256(identity);
    const scope = [admitted.tenant, actor.kind, actor.id, `telemetry/${format}`, body];
    const keyed = body === undefined ? undefined : { key: sha256(JSON.stringify(scope)), body };
    const written = await this.#write(admitted.tenant, context, ticket, reading, keyed);
    const batch_id = keyed ? uuidFrom('batch', keyed.key, keyed.body) : uuidV7(this.clock, this.random);
    return batchResult(reading, written, `bat_${batch_id.replaceAll('-', '')}`, { verbose: true }, keyed);
  }

  #admit({
    principal,
  }: CommandContext): { readonly ok: true; readonly tenant: TenantId } | ReturnType<typeof refusing> {
    const { tenant_id: tenant, permissions } = principal;
    return tenant !== undefined && permissions.has('telemetry:write')
      ? { ok: true, tenant }
      : refused('forbidden', 'forbidden', 'These credentials may not send telemetry.');
  }

  #readLimits({ arrival, limits, oldest_time }: CommandContext): Omit<ReadLimits, 'events'> {
    return {
      now: arrival?.received_at ?? this.clock.now(),
      sent_at: arrival?.sent_at,
      event_bytes: limits?.event_bytes,
      oldest_time,
    };
  }

  /** Stores the events whose ids are new. Of most requests no event has one, and nothing else is to be waited for. */
  #write(
    tenant: TenantId,
    context: CommandContext,
    ticket: GuardTicket,
    { received }: Reading,
    keyed: Keyed | undefined,
  ): Promise<Written> {
    if (keyed || received.client_ids || this.pseudonyms)
      return this.#writeNew(tenant, context, ticket, received, keyed);
    const cuts = this.chunks.cut(received);
    const cause = causeOf(tenant, context);
    return this.quotas
      .within(tenant, context.limits ?? {}, cuts, () =>
        this.chunks.write({ tenant, cause, ticket, pieces: cuts }),
      )
      .then((outcomes) => ({
        pieces: cuts.flatMap((cut, n) => stored(cut, cut, outcomes[n])),
        claim: undefined,
        position: START,
      }));
  }

  async #writeNew(
    tenant: TenantId,
    context: CommandContext,
    ticket: GuardTicket,
    as_received: Received,
    keyed: Keyed | undefined,
  ): Promise<Written> {
    const received = this.pseudonyms
      ? await withPseudonyms(this.pseudonyms, tenant, as_received)
      : as_received;
    const asked = causeOf(tenant, context);
    const cause = keyed ? { ...asked, idempotency: keyed } : asked;
    // Cut before repetitions are left out: a key's chunks are numbered alike, whatever is known by then.
    const cuts = this.chunks.cut(received);
    const claim = received.client_ids && (await this.client_ids.claim(tenant, received.client_ids, cuts));
    const repeats = claim?.repeats;
    const kept: Kept[] = [];
    for (const [k, cut] of cuts.entries()) {
      const piece = repeats ? without(cut, repeats) : cut;
      if (piece.to > piece.from) kept.push({ k, cut, piece });
    }
    const pieces = kept.map(({ piece }) => piece);
    // The body is part of the name: where the claim of a key has lapsed, another body under it is another batch.
    const chunk_ids =
      keyed && kept.map(({ k }) => chunkIdOf(uuidFrom('telemetry', keyed.key, keyed.body, String(k))));
    let outcomes: readonly PieceOutcome[] = [];
    try {
      outcomes = await this.quotas.within(tenant, context.limits ?? {}, pieces, () =>
        this.chunks.write({ tenant, cause, ticket, pieces, chunk_ids }),
      );
    } finally {
      if (claim) for (const [n, { k }] of kept.entries()) claim.settle(k, settlementOf(outcomes[n]));
    }
    return {
      pieces: kept.flatMap(({ cut, piece }, n) => stored(cut, piece, outcomes[n])),
      claim,
      position: repeats ? await this.client_ids.position() : START,
    };
  }

  /** Carries a request out; one with an `Idempotency-Key` once, and the same answer for its repetitions. */
  #once<R extends OneAnswer | BatchAnswer>(
    route: string,
    body: Buffer,
    { idempotency_key, principal }: CommandContext,
    carryOut: (keyed?: Keyed) => Promise<CommandResult<R>>,
  ): Promise<CommandResult<R>> {
    if (idempotency_key === undefined) return carryOut();
    const { tenant_id = '', actor } = principal;
    const keyed: Keyed = {
      key: sha256(JSON.stringify([tenant_id, actor.kind, actor.id, `telemetry/${route}`, idempotency_key])),
      body: sha256(body),
    };
    return this.claims.once(keyed, () => carryOut(keyed));
  }
}

const causeOf = (
  tenant_id: TenantId,
  { principal, origin, request_id, correlation_id, causation_id = request_id }: CommandContext,
): Cause => ({ tenant_id, actor: principal.actor, origin, request_id, correlation_id, causation_id });

/** What became of the one event of a request. */
const oneResult = ({ pieces: [piece], claim, position: known }: Written): CommandResult<OneAnswer> => {
  if (piece) {
    const { outcome } = piece;
    if (!outcome.ok) return refusing(outcome.refusal);
    const { chunk, index, recorded_at, position, repeated } = outcome;
    const value = { event_id: telemetryId(chunk, index), recorded_at };
    return { ok: true, value, position, replayed: repeated };
  }
  const { event_id, recorded_at } = claim?.first(0) ?? {};
  if (event_id === undefined || recorded_at === undefined)
    throw new Error('An event was neither stored nor known.');
  const value = { event_id, recorded_at: new Date(recorded_at).toISOString(), duplicate: true } as const;
  return { ok: true, value, position: known, replayed: false };
};

const readLines = (lines: Buffer, limits: ReadLimits): Reading => {
  const reading = readBatch(lines, 'ndjson', limits);
  if (!reading.ok) throw new Error(`Made events that cannot be read: ${reading.detail}`);
  return reading;
};

/** A request's events as they are stored where nobody is to be named. */
const withPseudonyms = async (
  pseudonyms: Pick<Pseudonyms, 'hide'>,
  tenant: TenantId,
  received: Received,
): Promise<Received> => ({ ...received, ...(await pseudonyms.hide(tenant, received)), pseudonyms: true });

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

const invalid = (code: string, detail: string): CommandRefusal => ({ kind: 'invalid', code, detail });

const noEvents = invalid('no_events', 'The batch has no events.');

const ofFault = ({ pointer, code, detail }: RejectedEvent): CommandRefusal => {
  if (code === 'event_too_large') return { kind: 'too_large', code, detail };
  if (code === 'invalid_json' || code === 'too_deep') return invalid(code, detail);
  return { ...invalid('invalid_event', 'The event is not valid.'), errors: [{ pointer, code, detail }] };
};

const shown = <T>(errors: readonly T[], { verbose }: BatchOptions): readonly T[] =>
  verbose ? errors : errors.slice(0, ERRORS_SHOWN);

const nothingStored = (rejected: readonly RejectedEvent[], options: BatchOptions): CommandRefusal =>
  rejected.length === 0
    ? noEvents
    : {
        ...(options.atomic
          ? { kind: 'unprocessable', code: 'batch_rejected' }
          : { kind: 'invalid', code: 'no_valid_events' }),
        detail: options.atomic
          ? 'Not every event of the batch is valid; nothing was stored.'
          : 'No event of the batch is valid.',
        errors: shown(rejected, options).map(({ index, pointer, code, detail }) => ({
          pointer: `/${index}${pointer}`,
          code,
          detail,
        })),
      };

/**
 * What a batch's caller is told. Once anything is stored it is success, with the rest named as worth sending again;
 * under a key the whole is refused instead, since its repetition finds what was stored and stores the rest.
 */
const batchResult = (
  reading: Reading,
  { pieces, claim, position: known }: Written,
  batch_id: string,
  options: BatchOptions,
  keyed: Keyed | undefined,
): CommandResult<BatchAnswer> => {
  let places: readonly number[] | undefined;
  const errors = [...reading.rejected];
  let accepted = 0;
  let duplicates = 0;
  let position = known;
  let refusal: CommandRefusal | undefined;
  const fail = ({ code, detail }: CommandRefusal, place: number): void => {
    places ??= placesOf(reading);
    errors.push({ index: places[place] ?? 0, pointer: '', code, detail, retryable: true });
  };
  for (const { cut, count, outcome } of pieces) {
    if (outcome.ok) {
      if (outcome.repeated) duplicates += count;
      else accepted += count;
      if (outcome.position > position) ({ position } = outcome);
      continue;
    }
    ({ refusal } = outcome);
    for (let i = cut.from; i < cut.to; i += 1) if (claim?.repeats?.[i] !== 1) fail(outcome.refusal, i);
  }
  for (let i = claim?.repeats?.indexOf(1) ?? -1; i >= 0; i = claim?.repeats?.indexOf(1, i + 1) ?? -1)
    if (claim?.first(i)) duplicates += 1;
    // It repeats an event of this request that was not stored.
    else fail(refusal ?? noEvents, i);
  if (refusal && (accepted === 0 || keyed)) return refusing(refusal);
  return {
    ok: true,
    value: {
      accepted,
      duplicates,
      rejected: errors.length,
      errors: shown(
        errors.toSorted((one, other) => one.index - other.index),
        options,
      ),
      batch_id,
    },
    position,
    replayed: false,
  };
};
