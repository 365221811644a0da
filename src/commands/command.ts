import type { Static, TSchema } from 'typebox';
import type { Decider, Decision, DomainEvent } from '../domain/decider.js';
import type { GuardState, WriteKind } from '../domain/deployment/deployment.js';
import type { IdKind, IdTypes, TenantId, UserId } from '../domain/ids.js';
import type { Limits } from '../domain/tenancy/limits.js';
import type { Arrival } from '../domain/telemetry/sender-clock.js';
import type { Actor, ClientOrigin, Origin } from '../domain/provenance.js';
import type { Permission, Principal } from '../domain/tenancy/access.js';
import type { Position, Revision } from '../eventstore/event-store.js';
import { compile, type FieldError, type Validator } from '../platform/validation.js';
import type { AccessServices } from './access/services.js';

/** Who asks for a command, through which door, for which request. */
export interface CommandContext {
  readonly principal: Principal;
  readonly origin: Origin;
  readonly request_id: string;
  readonly correlation_id: string;
  /** The record that the command reacts to; absent: the request. */
  readonly causation_id?: string;
  /** Absent where the command did not come over the network. */
  readonly client?: ClientOrigin | undefined;
  readonly idempotency_key?: string | undefined;
  /** The version that the client has seen and wants to change (`If-Match`). */
  readonly expected_version?: number | undefined;
  /** Of requests with telemetry: the times of events are read by it. */
  readonly arrival?: Arrival | undefined;
  /** What holds for the sender of telemetry; absent: as much as is possible. */
  readonly limits?: Limits | undefined;
  /** Events that happened before this time, in epoch milliseconds, are not taken; absent: none is too old. */
  readonly oldest_time?: number | undefined;
  /**
   * Draws on the sender's budget of events: called once it is known how many a request has, before they are stored.
   * A refusal ends the request.
   */
  readonly charge?: ((events: number) => CommandRefusal | undefined) | undefined;
}

/** Which way a command was refused; the API's status follows from it. */
export type RefusalKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'guarded'
  | 'not_found'
  | 'conflict'
  | 'stale'
  | 'too_large'
  | 'unprocessable'
  | 'busy'
  | 'unavailable'
  | 'disk_full';

export interface CommandRefusal {
  readonly kind: RefusalKind;
  /** Stable and machine readable. */
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly retry_after_seconds?: number;
  /** Whom it is about, where that is not whoever asked: for the audit trail, and never told to whoever asked. */
  readonly concerns?: Concerned;
}

/** A tenant's person or key. */
export interface Concerned {
  readonly tenant_id: TenantId;
  readonly actor: Actor;
}

export type CommandResult<R> =
  | {
      readonly ok: true;
      readonly value: R;
      /** How far the log has got with this command. */
      readonly position: Position;
      /** True where this is the answer to an earlier request with the same idempotency key. */
      readonly replayed: boolean;
    }
  | { readonly ok: false; readonly refusal: CommandRefusal };

/** What a step of a command came to: a value, or the refusal that ends the command. */
export type Step<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: CommandRefusal };

export const done = <T>(value: T): Step<T> => ({ ok: true, value });

export const refused = (
  kind: RefusalKind,
  code: string,
  detail: string,
  more: Partial<CommandRefusal> = {},
) => ({ ok: false, refusal: { kind, code, detail, ...more } }) as const;

/** A kind of stream: how its events make a state. */
export interface Subject<State, Event extends DomainEvent> extends Decider<State, Event> {
  readonly types: readonly Event['type'][];
  /** Holds facts of more than one tenant: addresses, sign-ins. All others show a tenant nothing of another's. */
  readonly shared?: true;
}

/** A stream's state with how far it has got. */
export interface Loaded<State> {
  readonly state: State;
  /** How many events the stream has: its version in the API. */
  readonly version: number;
  /** RFC 3339; absent where there is no event. */
  readonly created_at?: string;
  readonly updated_at?: string;
}

/** What a command may do to streams: the only way to the writer. */
export interface Transaction {
  /** When the command was let in, in epoch milliseconds. */
  readonly now: number;
  readonly services: AccessServices;
  /** A new id; the same one again where a request with an idempotency key is repeated. */
  newId<K extends IdKind>(kind: K): IdTypes[K];
  newUuid(): string;
  /** 256 secret bits; like an id, the same ones again for a repeated request, whose answer can then be given again. */
  newSecret(): Buffer;
  /** Stamps what follows as this tenant's, and this actor's: for those who have only now shown who they are. */
  actFor(tenant: TenantId, actor?: Actor): void;
  /** Says who registers: what the request shows of where it came from is theirs, though nobody has shown who they are. */
  registers(person: UserId): void;
  load<S, E extends DomainEvent>(stream: string, subject: Subject<S, E>): Promise<Loaded<S>>;
  /** A stream of whichever tenant: for what must hold over all of them, or before it is known whose it is. */
  loadAny<S, E extends DomainEvent>(stream: string, subject: Subject<S, E>): Promise<Loaded<S>>;
  /** Loads, decides and appends; decides again where another was faster. Answers the state afterwards. */
  decide<S, E extends DomainEvent>(
    stream: string,
    subject: Subject<S, E>,
    decision: (state: S) => Decision<E>,
    options?: DecideOptions<S>,
  ): Promise<Step<Loaded<S>>>;
}

export interface DecideOptions<State = unknown> {
  /** Refuses as stale where the stream has another version. */
  readonly expected_version?: number | undefined;
  /** Names the events, so that the same decision made again is the same record: for process managers. */
  readonly event_id?: ((index: number) => string) | undefined;
  /** The state that the stream had at a revision: what came later is read alone. */
  readonly known?: { readonly state: State; readonly revision: Revision } | undefined;
}

/** A use case. */
export interface Command<I extends TSchema, R> {
  readonly name: string;
  readonly input: I;
  readonly needs: Permission;
  /** What kind of record it writes, for the deployment guard. */
  readonly writes: WriteKind;
  readonly check: Validator<Static<I>>;
  readonly run: (input: Static<I>, transaction: Transaction, context: CommandContext) => Promise<Step<R>>;
  /** What it does instead while the deployment guard refuses what it writes. */
  readonly underGuard?: (
    input: Static<I>,
    transaction: Transaction,
    guard: GuardState,
    context: CommandContext,
  ) => Promise<Step<R>>;
  /** What it may write then; absent: nothing. */
  readonly writesUnderGuard?: WriteKind;
}

/** Says a command; its schema validates, types and documents the input. */
export const defineCommand = <const I extends TSchema, R>(
  command: Omit<Command<I, R>, 'check'>,
): Command<I, R> => ({ ...command, check: compile(command.input) });
