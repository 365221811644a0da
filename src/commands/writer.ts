import { deploymentEventTypes, type DeploymentEvent } from '../domain/deployment/deployment.js';
import type { EventId, TenantId } from '../domain/ids.js';
import type { Json } from '../domain/json.js';
import { CLIENT, personActing, personalFields, personOfStream } from '../domain/personal.js';
import type { Personal } from '../domain/sealed.js';
import type { Actor, ClientOrigin, Origin, Provenance } from '../domain/provenance.js';
import { readEvent } from '../domain/stored-event.js';
import type { ChunkHeader } from '../domain/telemetry/chunk-header.js';
import type { AppendOutcome, EventLogWriter, ExpectedRevision } from '../eventstore/event-log-writer.js';
import {
  BytesInPieces,
  type EventMetadata,
  type NewEvent,
  type StreamName,
} from '../eventstore/event-store.js';
import type { People } from '../people/people.js';
import type { Clock } from '../platform/clock.js';
import type { DeploymentGuard, GuardTicket } from './guard.js';
import type { GuardReader } from './guard-following.js';

/** A record before it is stamped. */
export interface Draft {
  readonly id: EventId;
  readonly type: string;
  readonly schema_version: number;
  readonly data: NewEvent['data'];
  readonly chunk?: ChunkHeader;
}

/** The request that a record comes from: the part of its provenance that the request decides. */
export interface Cause {
  readonly tenant_id?: TenantId;
  readonly actor: Actor;
  readonly origin: Origin;
  readonly request_id: string;
  readonly correlation_id: string;
  readonly causation_id: string;
  readonly idempotency?: NonNullable<Provenance['idempotency']>;
  readonly client?: ClientOrigin;
  /** Whose request it is, where the actor does not say so: of who registers, and is nobody yet. */
  readonly person?: string;
}

/** A cause as its records are stamped with it. */
type SealedCause = Omit<Cause, 'client' | 'person'> & { readonly client?: Personal<ClientOrigin> };

/** Which running program writes. */
export interface Instance {
  readonly instance_id: string;
  readonly release: string;
}

export type WriteOutcome =
  | (Extract<AppendOutcome, { outcome: 'appended' }> & {
      /** What the records were stamped with, unless they were there already. */
      readonly recorded_at: string;
    })
  | Exclude<AppendOutcome, { outcome: 'appended' }>
  | { readonly outcome: 'guarded' };

/** The one writer: seals what is said of people, holds the guard against every append and stamps every record. */
export class RecordWriter {
  #latest = 0;
  readonly #appending = new Set<Promise<AppendOutcome>>();

  constructor(
    private readonly log: EventLogWriter,
    private readonly guard: DeploymentGuard,
    private readonly clock: Clock,
    private readonly instance: Instance,
    private readonly people: Pick<People, 'seal'>,
    /** Where other instances write to the same log: asks what they did to the guard, before each append. */
    private readonly others?: Pick<GuardReader, 'readOn'>,
  ) {}

  /** Appends as {@link EventLogWriter.append} does; `guarded` where a deployment began since the ticket was given. */
  append(
    stream: StreamName,
    expected: ExpectedRevision,
    drafts: readonly [Draft, ...Draft[]],
    cause: Cause,
    ticket: GuardTicket,
  ): Promise<WriteOutcome> {
    // Before the look at the guard, since it may wait for keys; of telemetry there is nothing to seal, nor to wait for.
    const personal = cause.client !== undefined || cause.person !== undefined || drafts.some(isPersonal);
    return personal
      ? this.#sealed(stream, drafts, cause).then((sealed) => this.#write(stream, expected, ...sealed, ticket))
      : this.#write(stream, expected, drafts, cause, ticket);
  }

  /**
   * Draws a line in time: once it resolves, every record that this writer stamped before that time is in the log or
   * refused, and every later one is stamped at it or after.
   */
  async settle(time: number): Promise<void> {
    this.#latest = Math.max(this.#latest, time);
    await Promise.allSettled(this.#appending);
  }

  async #write(
    stream: StreamName,
    expected: ExpectedRevision,
    drafts: readonly [Draft, ...Draft[]],
    cause: SealedCause,
    ticket: GuardTicket,
  ): Promise<WriteOutcome> {
    if (!this.guard.holds(ticket)) return { outcome: 'guarded' };
    if (this.others) {
      await this.others.readOn();
      if (!this.guard.holds(ticket)) return { outcome: 'guarded' };
    }

    const deployment = drafts.flatMap(
      ({ data, ...draft }) =>
        (data instanceof BytesInPieces
          ? undefined
          : readEvent<DeploymentEvent>(deploymentEventTypes, { ...draft, data })) ?? [],
    );
    const begun = deployment.filter((event) => event.type === 'DeploymentBegun');
    for (const event of begun) this.guard.raise(event);
    // What was let in before stands before the begin in the log, in whatever order the log takes appends.
    if (begun.length > 0) await Promise.allSettled(this.#appending);

    const [first, ...rest] = drafts;
    const stamp = this.#stamp(cause);
    const record = (draft: Draft): NewEvent => ({
      id: draft.id,
      type: draft.type,
      schema_version: draft.schema_version,
      data: draft.data,
      metadata: draft.chunk ? { ...stamp, chunk: draft.chunk } : stamp,
    });
    // Where this rejects nobody knows whether it was written: a guard that was going up then stays up.
    const outcome = await this.#append(stream, expected, [record(first), ...rest.map(record)]);
    if (outcome.outcome === 'appended') for (const event of deployment) this.guard.apply(event);
    for (const event of begun) this.guard.settle(event);
    return outcome.outcome === 'appended' ? { ...outcome, recorded_at: stamp.recorded_at } : outcome;
  }

  /** Drafts and cause with their personal fields under the keys of whom they are about. */
  async #sealed(
    stream: StreamName,
    [first, ...rest]: readonly [Draft, ...Draft[]],
    { client, person, ...cause }: Cause,
  ): Promise<[drafts: readonly [Draft, ...Draft[]], cause: SealedCause]> {
    const owner = personOfStream(stream);
    const seal = async (draft: Draft): Promise<Draft> => {
      const { data } = draft;
      if (
        owner === undefined ||
        !isPersonal(draft) ||
        data instanceof Uint8Array ||
        data instanceof BytesInPieces
      )
        return draft;
      const sealed: Record<string, Json> = {};
      for (const field of personalFields(draft.type)) {
        const value = data[field];
        if (value !== undefined) sealed[field] = await this.people.seal(owner, field, value);
      }
      return { ...draft, data: { ...data, ...sealed } };
    };
    const drafts = [await seal(first), ...(await Promise.all(rest.map(seal)))] as const;
    const acting = personActing(cause.actor) ?? person;
    if (!client) return [drafts, cause];
    const from = acting === undefined ? client : await this.people.seal(acting, CLIENT, { ...client });
    return [drafts, { ...cause, client: from as unknown as Personal<ClientOrigin> }];
  }

  async #append(...append: Parameters<EventLogWriter['append']>): Promise<AppendOutcome> {
    const appending = this.log.append(...append);
    this.#appending.add(appending);
    try {
      return await appending;
    } finally {
      this.#appending.delete(appending);
    }
  }

  #stamp(cause: SealedCause): EventMetadata {
    this.#latest = Math.max(this.#latest, this.clock.now());
    const { epoch, deployment_id } = this.guard.state;
    const recorded_at = new Date(this.#latest).toISOString();
    const stamp = { ...cause, ...this.instance, guard_epoch: epoch, recorded_at };
    return deployment_id ? { ...stamp, deployment_id } : stamp;
  }
}

const isPersonal = ({ type }: Draft): boolean => personalFields(type).length > 0;
