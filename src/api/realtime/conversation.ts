import type { Socket } from 'socket.io';
import type { Position } from '../../eventstore/event-store.js';
import type { FieldError, Validator } from '../../platform/validation.js';
import type { ApiServices } from '../dependencies.js';
import { isSlow } from './packet.js';
import { checks, refused, type Ack, type Refused, type TopicMessage } from './protocol.js';
import type { Message, Room } from './room.js';
import type { Rooms } from './rooms.js';
import type { Session } from './sessions.js';
import type { Topic } from './topic.js';

const MAX_SUBSCRIPTIONS = 32;
/** Messages a second that a client may send, on average over a few of them. */
const MESSAGES_PER_SECOND = 50;
const BURST = 200;
/** How long a client that is ahead of this server's read models is let wait for them. */
const RESUME_WAIT_MS = 1_000;

interface Target {
  readonly topic: Topic;
  readonly params: unknown;
}

const describe = (what: string, errors: readonly FieldError[]): string =>
  `The ${what} cannot be taken: ${errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ')}`;

/** What one socket asks and follows. */
export class Conversation {
  readonly #rooms = new Set<Room>();
  #allowance = BURST;
  #refilled: number;

  constructor(
    private readonly socket: Socket,
    private readonly session: Session,
    private readonly rooms: Rooms,
    private readonly topics: ReadonlyMap<string, Topic>,
    private readonly api: Pick<ApiServices, 'models' | 'clock' | 'logger'>,
  ) {
    this.#refilled = api.clock.monotonic();
    this.#on('subscribe', checks.subscribe, (message) => this.#subscribe(message));
    this.#on('unsubscribe', checks.unsubscribe, (message) => this.#unsubscribe(message));
    this.#on('get_data', checks.get_data, (message) => this.#getData(message));
    this.#on('heartbeat', checks.heartbeat, () => ({
      ok: true,
      time: new Date(this.api.clock.now()).toISOString(),
    }));
  }

  close(): void {
    for (const room of this.#rooms) this.#leave(room);
  }

  #leave(room: Room): void {
    this.#rooms.delete(room);
    room.leave(this.socket);
    this.rooms.release(room);
  }

  #on<M>(name: string, check: Validator<M>, handle: (message: M) => Ack | Promise<Ack>): void {
    this.socket.on(name, (...sent: unknown[]) => {
      const acknowledge: unknown = sent.at(-1);
      const answer = (ack: Ack): void => {
        if (typeof acknowledge === 'function') (acknowledge as (ack: Ack) => void)(ack);
      };
      if (!this.#allowed()) {
        this.session.end('too_many_messages', 'Too many messages; slow down.');
        return;
      }
      this.#answerTo(sent[0], check, handle).then(answer, (error: unknown) => {
        this.api.logger.error({ err: error, message: name }, 'a socket message failed');
        answer(refused('internal_error', 'Something went wrong here.'));
      });
    });
  }

  async #answerTo<M>(
    sent: unknown,
    check: Validator<M>,
    handle: (message: M) => Ack | Promise<Ack>,
  ): Promise<Ack> {
    if (isSlow(this.socket)) return refused('slow', 'Read what was sent before asking for more.');
    // Where no message was sent, the acknowledgement stands in its place.
    const checked = check(typeof sent === 'function' || sent === undefined ? {} : sent);
    return checked.ok ? handle(checked.value) : refused('invalid', describe('message', checked.errors));
  }

  async #subscribe(message: TopicMessage & { readonly since?: string }): Promise<Ack> {
    const target = this.#target(message);
    if ('ok' in target) return target;
    if (this.#rooms.size >= MAX_SUBSCRIPTIONS)
      return refused('too_many_subscriptions', `A connection may have ${MAX_SUBSCRIPTIONS} subscriptions.`);
    const asked = this.rooms.find(this.session.tenant, target.topic, target.params);
    try {
      const since = message.since as Position | undefined;
      const resumed = since === undefined ? undefined : await this.#resume(asked, since);
      const first = resumed ?? (await asked.snapshot());
      if (!this.socket.connected) return refused('gone', 'The socket is closed.');
      // The room may have been let go meanwhile, by somebody else who left.
      const room = this.rooms.find(this.session.tenant, target.topic, target.params);
      this.#rooms.add(room);
      this.socket.emit(resumed ? 'update' : 'snapshot', first);
      room.join(this.socket, first);
      return {
        ok: true,
        topic: target.topic.name,
        params: target.params,
        position: first.position,
        resumed: resumed !== undefined,
      };
    } finally {
      this.rooms.release(asked);
    }
  }

  /** What came after a position that the client knows; undefined where it gets a snapshot instead. */
  async #resume(room: Room, since: Position): Promise<Message | undefined> {
    const { topic } = room.key;
    if (!topic.since) return undefined;
    const there = await this.api.models.reached(topic.reads, since, RESUME_WAIT_MS);
    return there ? room.resume(since) : undefined;
  }

  #unsubscribe(message: TopicMessage): Ack {
    const target = this.#target(message);
    if ('ok' in target) return target;
    const room = this.rooms.find(this.session.tenant, target.topic, target.params);
    this.#leave(room);
    return { ok: true, topic: target.topic.name, params: target.params };
  }

  async #getData(message: TopicMessage): Promise<Ack> {
    const target = this.#target(message);
    if ('ok' in target) return target;
    const room = this.rooms.find(this.session.tenant, target.topic, target.params);
    try {
      return { ok: true, ...(await room.snapshot()) };
    } finally {
      this.rooms.release(room);
    }
  }

  #target(message: TopicMessage): Target | Refused {
    const topic = this.topics.get(message.topic);
    if (!topic) return refused('unknown_topic', `Topics are ${[...this.topics.keys()].join(', ')}.`);
    if (!this.session.principal.permissions.has(topic.needs))
      return refused('forbidden', `This needs the permission ${topic.needs}.`);
    const params = topic.check(message.params ?? {});
    if (params.ok) return { topic, params: params.value };
    return refused('invalid', describe('params', params.errors));
  }

  #allowed(): boolean {
    const now = this.api.clock.monotonic();
    const refill = ((now - this.#refilled) / 1000) * MESSAGES_PER_SECOND;
    this.#allowance = Math.min(BURST, this.#allowance + refill) - 1;
    this.#refilled = now;
    return this.#allowance >= 0;
  }
}
