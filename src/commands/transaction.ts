import { createHmac } from 'node:crypto';
import type { Decision, DomainEvent, Refusal } from '../domain/decider.js';
import {
  publicId,
  type EventId,
  type IdKind,
  type IdTypes,
  type TenantId,
  type UserId,
} from '../domain/ids.js';
import type { JsonObject } from '../domain/json.js';
import { readEvent } from '../domain/stored-event.js';
import type { ExpectedRevision } from '../eventstore/event-log-writer.js';
import {
  START,
  type EventLog,
  type Position,
  type Revision,
  type StreamName,
} from '../eventstore/event-store.js';
import type { Actor } from '../domain/provenance.js';
import { uuidFrom, uuidV7 } from '../platform/uuid.js';
import type { AccessServices } from './access/services.js';
import type { Keyed } from './claims.js';
import {
  done,
  refused,
  type CommandContext,
  type Concerned,
  type CommandRefusal,
  type DecideOptions,
  type Loaded,
  type Step,
  type Subject,
  type Transaction,
} from './command.js';
import type { GuardTicket } from './guard.js';
import { guarded } from './refusals.js';
import type { Cause, Draft, RecordWriter } from './writer.js';

interface Tools {
  readonly log: EventLog;
  readonly writer: RecordWriter;
  readonly services: AccessServices;
}

interface Fold<S> extends Loaded<S> {
  readonly revision: ExpectedRevision;
  readonly position: Position;
}

/** How often a command decides again because another was faster. */
const ATTEMPTS = 20;

/** One command's way to the streams; remembers how far the log has got with it. */
export class StreamTransaction implements Transaction {
  readonly now: number;
  #reached: Position = START;
  #tenant: TenantId | undefined;
  #actor: Actor;
  #person: UserId | undefined;
  #concerned: Concerned | undefined;
  #ids = 0;

  constructor(
    private readonly tools: Tools,
    private readonly context: CommandContext,
    private readonly ticket: GuardTicket,
    private readonly keyed: Keyed | undefined,
  ) {
    this.now = tools.services.clock.now();
    this.#tenant = context.principal.tenant_id;
    this.#actor = context.principal.actor;
  }

  get services(): AccessServices {
    return this.tools.services;
  }

  /** The position of the newest record that the command wrote or found. */
  get reached(): Position {
    return this.#reached;
  }

  newUuid(): string {
    this.#ids += 1;
    return this.keyed
      ? uuidFrom('id', this.keyed.key, this.keyed.body, String(this.#ids))
      : uuidV7(this.services.clock, this.services.random);
  }

  newSecret(): Buffer {
    if (!this.keyed) return this.services.random.bytes(32);
    this.#ids += 1;
    return createHmac('sha256', this.services.answers_key)
      .update(JSON.stringify(['secret', this.keyed.key, this.keyed.body, this.#ids]))
      .digest();
  }

  newId<K extends IdKind>(kind: K): IdTypes[K] {
    return publicId(kind, this.newUuid());
  }

  actFor(tenant: TenantId, actor?: Actor): void {
    this.#tenant = tenant;
    if (!actor) return;
    this.#actor = actor;
    this.#concerned = { tenant_id: tenant, actor };
  }

  registers(person: UserId): void {
    this.#person = person;
  }

  /** Whom the command turned out to be about, where whoever asked had not shown it. */
  get concerned(): Concerned | undefined {
    return this.#concerned;
  }

  async load<S, E extends DomainEvent>(stream: string, subject: Subject<S, E>): Promise<Loaded<S>> {
    return this.#fold(stream, subject);
  }

  async loadAny<S, E extends DomainEvent>(stream: string, subject: Subject<S, E>): Promise<Loaded<S>> {
    return this.#fold(stream, { ...subject, shared: true });
  }

  async decide<S, E extends DomainEvent>(
    stream: string,
    subject: Subject<S, E>,
    decision: (state: S) => Decision<E>,
    options: DecideOptions<S> = {},
  ): Promise<Step<Loaded<S>>> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const found = await this.#fold(stream, subject, options.known);
      const { expected_version } = options;
      if (expected_version !== undefined && found.version > 0 && expected_version !== found.version)
        return refused('stale', 'stale', `This is version ${found.version} by now; read it again.`);

      const decided = decision(found.state);
      if (!decided.accepted) return { ok: false, refusal: ofDomain(decided.refusal) };
      const [first, ...rest] = decided.events.map((event, index) =>
        this.#draft(stream, found, event, index, options),
      );
      if (!first) {
        this.#reach(found.position);
        return done(found);
      }

      const name = stream as StreamName;
      const outcome = await this.tools.writer.append(
        name,
        found.revision,
        [first, ...rest],
        this.#cause(),
        this.ticket,
      );
      switch (outcome.outcome) {
        case 'appended': {
          this.#reach(outcome.position);
          const state = decided.events.reduce(subject.evolve, found.state);
          return done({
            state,
            version: outcome.revision + 1,
            created_at: found.created_at ?? outcome.recorded_at,
            updated_at: outcome.recorded_at,
          });
        }
        case 'guarded':
          return { ok: false, refusal: guarded };
        case 'too_large':
          return refused(
            'too_large',
            'too_large',
            `The record has ${outcome.bytes} bytes; ${outcome.limit} are allowed.`,
          );
        case 'conflict':
          continue;
      }
    }
    return refused('unavailable', 'contended', 'Too many others are changing this; try again.', {
      retry_after_seconds: 1,
    });
  }

  /** The stream as this transaction's tenant may see it: what is another's is not there. */
  async #fold<S, E extends DomainEvent>(
    stream: string,
    subject: Subject<S, E>,
    known?: DecideOptions<S>['known'],
  ): Promise<Fold<S>> {
    let state = known?.state ?? subject.initial;
    let revision: ExpectedRevision = known?.revision ?? 'none';
    const from = (known ? known.revision + 1 : 0) as Revision;
    let position = START;
    let created_at: string | undefined;
    let updated_at: string | undefined;
    for await (const record of this.tools.log.readStream(stream as StreamName, { from })) {
      const { tenant_id, recorded_at } = record.metadata;
      if (!subject.shared && this.#tenant !== undefined && tenant_id !== this.#tenant)
        return { state: subject.initial, revision: 'none', version: 0, position: START };
      // What is set aside has its revision, and says nothing.
      const event = readEvent<E>(subject.types, record);
      if (event && (await this.services.quarantines.sight(record))) state = subject.evolve(state, event);
      ({ revision, position } = record);
      created_at ??= recorded_at;
      updated_at = recorded_at;
    }
    return {
      state,
      revision,
      position,
      version: revision === 'none' ? 0 : revision + 1,
      ...(created_at !== undefined && { created_at }),
      ...(updated_at !== undefined && { updated_at }),
    };
  }

  #draft(
    stream: string,
    { version }: Loaded<unknown>,
    event: DomainEvent,
    index: number,
    { event_id }: DecideOptions,
  ): Draft {
    const id =
      event_id?.(index) ??
      (this.keyed
        ? uuidFrom('event', this.keyed.key, this.keyed.body, stream, String(version + index))
        : uuidV7(this.services.clock, this.services.random));
    return {
      id: id as EventId,
      type: event.type,
      schema_version: 1,
      data: event.data as JsonObject,
    };
  }

  #cause(): Cause {
    const { origin, request_id, correlation_id, causation_id, client } = this.context;
    return {
      ...(this.#tenant && { tenant_id: this.#tenant }),
      actor: this.#actor,
      origin,
      request_id,
      correlation_id,
      causation_id: causation_id ?? request_id,
      ...(this.keyed && { idempotency: this.keyed }),
      ...(client && { client }),
      ...(this.#person && { person: this.#person }),
    };
  }

  #reach(position: Position): void {
    if (position > this.#reached) this.#reached = position;
  }
}

/** A domain refusal as the API tells it: what is not there is not found, what does not fit the state is a conflict. */
const ofDomain = ({ code, detail }: Refusal): CommandRefusal => ({
  kind: code.endsWith('_not_found')
    ? 'not_found'
    : code.startsWith('invalid_')
      ? 'unauthenticated'
      : 'conflict',
  code,
  detail,
});
