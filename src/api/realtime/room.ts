import { Subject, merge, interval, type Subscription } from 'rxjs';
import type { Socket } from 'socket.io';
import type { TenantId } from '../../domain/ids.js';
import type { Position } from '../../eventstore/event-store.js';
import type { ApiServices } from '../dependencies.js';
import { AT_ONCE, type Broadcaster } from './broadcaster.js';
import { packetOf, type Packet } from './packet.js';
import type { Topic, TopicQuery, TopicState } from './topic.js';

/** What goes to sockets: everything of a topic, or what is new. */
export interface Message extends TopicState {
  readonly topic: string;
  readonly params: unknown;
}

/** After an answer a room rests this many times as long as it took: rooms then leave most of the time to others, */
const REST = 9;
/** however long answers take, people are not behind by much more than this. */
const LONGEST_REST_MS = 250;
/** When sockets that were passed over are looked at again, though nothing has changed. */
const CATCH_UP_MS = 100;

/** One topic with one set of parameters for one tenant. */
export interface RoomKey {
  readonly tenant: TenantId;
  readonly topic: Topic;
  readonly params: unknown;
}

/** How far somebody who follows has got. */
interface Member {
  readonly socket: Socket;
  /** The position that was told last. */
  told: Position;
  /** The state that is shown, of a topic that has states. */
  shown: number;
}

/** An answer as of now. */
interface State {
  readonly message: Message;
  /** Another whenever an answer says something else than the one before. */
  readonly number: number;
  readonly packet: Packet;
}

/**
 * Those who follow a topic, each with what it was told last. An answer is computed once for all of them, never two at
 * a time, and goes round from one to the next. Where that takes long, those who are still to come get a newer answer,
 * so nobody is behind by more than one round; what happened after that is in the next.
 */
export class Room {
  readonly #members = new Map<Socket, Member>();
  readonly #touches = new Subject<void>();
  readonly #subscription: Subscription;
  readonly #closing = new AbortController();
  #publishing = false;
  #catchingUp = false;
  /** Something has changed that no answer has yet. */
  #touched = false;
  /** Somebody has not got the last answer. */
  #lacking = false;
  /** Before this there is no other answer; monotonic milliseconds. */
  #due = 0;
  #latest: State | undefined;
  /** The last answer's text, and the numbers of answers. */
  #said = { text: '', number: 0 };
  readonly #numbers = new WeakMap<Message, number>();
  #shared: { readonly at: number; readonly message: Promise<Message> } | undefined;

  constructor(
    readonly key: RoomKey,
    private readonly api: Pick<ApiServices, 'models' | 'quarantines' | 'clock'>,
    private readonly broadcaster: Broadcaster,
    private readonly onError: (error: unknown) => void,
  ) {
    const { refresh_ms } = key.topic;
    const touches = refresh_ms === undefined ? this.#touches : merge(this.#touches, interval(refresh_ms));
    this.#subscription = touches.subscribe(() => {
      this.#touched = true;
      void this.#publish();
    });
  }

  get size(): number {
    return this.#members.size;
  }

  /** The read models moved on: members are told soon. */
  touch(): void {
    this.#touches.next();
  }

  /** Joins with a message just sent: updates go on right behind it. */
  join(socket: Socket, message: Message): void {
    const shown = this.#numbers.get(message) ?? 0;
    this.#members.set(socket, { socket, told: message.position, shown });
    this.touch();
  }

  leave(socket: Socket): void {
    this.#members.delete(socket);
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#closing.abort();
  }

  /** Everything, as of now or a moment ago: many who join at once share one answer. */
  snapshot(): Promise<Message> {
    const now = this.#now();
    if (!this.#shared || now - this.#shared.at >= this.key.topic.every_ms) {
      const message = this.#compute();
      message.catch(() => (this.#shared = undefined));
      this.#shared = { at: now, message };
    }
    return this.#shared.message;
  }

  /** What is new since a position that the client knows; undefined where only a snapshot will do. */
  async resume(since: Position): Promise<Message | undefined> {
    // What was set aside since is among what the client has, what came back is not.
    if (since < (await this.api.quarantines.decidedAt(this.key.tenant))) return undefined;
    const state = await this.key.topic.since?.(this.#query(), since);
    return state && this.#message(state);
  }

  async #publish(): Promise<void> {
    if (this.#publishing) return;
    this.#publishing = true;
    try {
      for (let wanted = true; wanted && this.#open; wanted = this.#touched) {
        this.#lacking = false;
        try {
          await (this.key.topic.since ? this.#publishNews() : this.#publishState());
        } catch (error) {
          this.onError(error);
        }
        await this.api.clock.sleep(this.#due - this.#now(), this.#closing.signal);
      }
    } finally {
      this.#publishing = false;
    }
    if (this.#lacking) void this.#catchUp();
  }

  /** Once more for those who were passed over, though nothing may happen until then. */
  async #catchUp(): Promise<void> {
    if (this.#catchingUp) return;
    this.#catchingUp = true;
    await this.api.clock.sleep(CATCH_UP_MS, this.#closing.signal);
    this.#catchingUp = false;
    await this.#publish();
  }

  get #open(): boolean {
    return this.#members.size > 0 && !this.#closing.signal.aborted;
  }

  /** One round after the other, until everybody has the newest answer. */
  async #publishState(): Promise<void> {
    let state: State;
    let first: State;
    do {
      state = first = await this.#state();
      const waiting = [...this.#members.values()].filter((member) => lacks(member, first));
      for (let at = 0; at < waiting.length; at += AT_ONCE) {
        await this.broadcaster.turn();
        const newest = (state = await this.#state());
        const some = waiting.slice(at, at + AT_ONCE).filter((member) => lacks(member, newest));
        this.#write(some, newest.packet, { told: newest.message.position, shown: newest.number });
      }
    } while (state !== first);
  }

  /** The answer as of now, where there can be another than the last and it says something else. */
  async #state(): Promise<State> {
    if (this.#latest && !(this.#touched && this.#now() >= this.#due)) return this.#latest;
    this.#touched = false;
    const message = await this.#timed(this.#compute());
    const number = this.#numbers.get(message) ?? 0;
    if (number !== this.#latest?.number)
      this.#latest = { message, number, packet: packetOf('update', message) };
    return this.#latest;
  }

  /** Members are mostly at one position; those who joined or caught up in between are at another. */
  async #publishNews(): Promise<void> {
    this.#touched = false;
    const members = [...this.#members.values()];
    const ready = this.broadcaster.ready(members);
    this.#lacking ||= ready.length < members.length;
    const groups = new Map<Position, Member[]>();
    for (const member of ready) {
      const group = groups.get(member.told);
      if (group) group.push(member);
      else groups.set(member.told, [member]);
    }
    for (const [told, group] of groups) {
      const news = await this.#timed(this.resume(told));
      const message = news ?? (await this.#timed(this.#compute()));
      const { position } = message;
      if (position <= told) continue;
      if (news && Array.isArray(news.data) && news.data.length === 0) {
        for (const member of group) member.told = position;
        continue;
      }
      const packet = packetOf(news ? 'update' : 'snapshot', message);
      for (let at = 0; at < group.length; at += AT_ONCE) {
        await this.broadcaster.turn();
        this.#write(group.slice(at, at + AT_ONCE), packet, { told: position });
      }
    }
  }

  /** Writes to those who are still there, and notes what they have now. */
  #write(to: readonly Member[], packet: Packet, now: Partial<Member>): void {
    const there = to.filter((member) => this.#members.get(member.socket) === member);
    const took = this.broadcaster.write(there, packet);
    for (const member of took) Object.assign(member, now);
    this.#lacking ||= took.length < there.length;
  }

  async #compute(): Promise<Message> {
    const message = this.#message(await this.key.topic.state(this.#query()));
    const text = JSON.stringify(message.data, (name, value: unknown) =>
      volatile.has(name) ? undefined : value,
    );
    if (text !== this.#said.text) this.#said = { text, number: this.#said.number + 1 };
    this.#numbers.set(message, this.#said.number);
    return message;
  }

  /** Waits for an answer; how long that takes says when there may be another. */
  async #timed<T>(answer: Promise<T>): Promise<T> {
    const begun = this.#now();
    try {
      return await answer;
    } finally {
      const rest = Math.min(LONGEST_REST_MS, REST * (this.#now() - begun));
      this.#due = begun + Math.max(this.key.topic.every_ms, rest);
    }
  }

  #now(): number {
    return this.api.clock.monotonic();
  }

  #query(): TopicQuery<unknown> {
    const { tenant, params } = this.key;
    return { models: this.api.models, tenant, params, now: this.api.clock.now() };
  }

  #message(state: TopicState): Message {
    return { topic: this.key.topic.name, params: this.key.params, ...state };
  }
}

const lacks = ({ told, shown }: Member, { message, number }: State): boolean =>
  shown !== number && told <= message.position;

/** Says when an answer was made and from where in the log, not what it says. */
const volatile = new Set(['generated_at', 'position']);
