import { Subject, merge, interval, type Subscription } from 'rxjs';
import type { TenantId } from '../../domain/ids.js';
import type { Position } from '../../eventstore/event-store.js';
import type { ApiServices } from '../dependencies.js';
import type { Topic, TopicQuery, TopicState } from './topic.js';

/** What goes to sockets: everything of a topic, or what is new. */
export interface Message extends TopicState {
  readonly topic: string;
  readonly params: unknown;
}

export type Deliver = (
  kind: 'snapshot' | 'update',
  message: Message,
  sockets: readonly string[],
) => Promise<void>;

/** After an update a room rests this many times as long as it took: rooms then leave most of the time to others, */
const REST = 9;
/** however long updates take, people are not behind by much more than this. */
const LONGEST_REST_MS = 250;

/** One topic with one set of parameters for one tenant. */
export interface RoomKey {
  readonly tenant: TenantId;
  readonly topic: Topic;
  readonly params: unknown;
}

/**
 * Those who follow a topic, each with the position that it was told last. An answer is computed once for all of
 * them, never two at a time; what happened meanwhile is in the next.
 */
export class Room {
  readonly #members = new Map<string, Position>();
  readonly #touches = new Subject<void>();
  readonly #subscription: Subscription;
  readonly #closing = new AbortController();
  #publishing = false;
  #again = false;
  #latest = '';
  #shared: { readonly at: number; readonly message: Promise<Message> } | undefined;

  constructor(
    readonly key: RoomKey,
    private readonly api: Pick<ApiServices, 'models' | 'quarantines' | 'clock'>,
    private readonly deliver: Deliver,
    private readonly onError: (error: unknown) => void,
  ) {
    const { refresh_ms } = key.topic;
    const touches = refresh_ms === undefined ? this.#touches : merge(this.#touches, interval(refresh_ms));
    this.#subscription = touches.subscribe(() => void this.#publish());
  }

  get size(): number {
    return this.#members.size;
  }

  has(socket: string): boolean {
    return this.#members.has(socket);
  }

  /** The read models moved on: members are told soon. */
  touch(): void {
    this.#touches.next();
  }

  /** Joins at a position: updates go on right behind it. */
  join(socket: string, position: Position): void {
    this.#members.set(socket, position);
    this.touch();
  }

  leave(socket: string): void {
    this.#members.delete(socket);
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#closing.abort();
  }

  /** Everything, as of now or a moment ago: many who join at once share one answer. */
  snapshot(): Promise<Message> {
    const now = this.api.clock.monotonic();
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
    this.#again = true;
    if (this.#publishing) return;
    this.#publishing = true;
    try {
      while (this.#again && this.#members.size > 0 && !this.#closing.signal.aborted) {
        this.#again = false;
        const begun = this.api.clock.monotonic();
        try {
          await (this.key.topic.since ? this.#publishNews() : this.#publishState());
        } catch (error) {
          this.onError(error);
        }
        await this.api.clock.sleep(this.#restAfter(this.api.clock.monotonic() - begun), this.#closing.signal);
      }
    } finally {
      this.#publishing = false;
    }
  }

  #restAfter(took: number): number {
    const { every_ms } = this.key.topic;
    return Math.max(every_ms, Math.min(LONGEST_REST_MS, REST * took));
  }

  async #compute(): Promise<Message> {
    return this.#message(await this.key.topic.state(this.#query()));
  }

  async #publishState(): Promise<void> {
    const message = await this.#compute();
    const sockets = [...this.#members]
      .filter(([, told]) => told <= message.position)
      .map(([socket]) => socket);
    const text = JSON.stringify(message.data, (name, value: unknown) =>
      volatile.has(name) ? undefined : value,
    );
    this.#told(sockets, message.position);
    if (text === this.#latest) return;
    this.#latest = text;
    await this.deliver('update', message, sockets);
  }

  /** Members are mostly at one position; those who joined or caught up in between are at another. */
  async #publishNews(): Promise<void> {
    const groups = new Map<Position, string[]>();
    for (const [socket, told] of this.#members) groups.set(told, [...(groups.get(told) ?? []), socket]);
    for (const [told, sockets] of groups) {
      const news = await this.resume(told);
      const message = news ?? (await this.#compute());
      if (message.position <= told) continue;
      this.#told(sockets, message.position);
      if (news && Array.isArray(news.data) && news.data.length === 0) continue;
      await this.deliver(news ? 'update' : 'snapshot', message, sockets);
    }
  }

  #told(sockets: readonly string[], position: Position): void {
    for (const socket of sockets) if (this.#members.has(socket)) this.#members.set(socket, position);
  }

  #query(): TopicQuery<unknown> {
    const { tenant, params } = this.key;
    return { models: this.api.models, tenant, params, now: this.api.clock.now() };
  }

  #message(state: TopicState): Message {
    return { topic: this.key.topic.name, params: this.key.params, ...state };
  }
}

/** Says when an answer was made and from where in the log, not what it says. */
const volatile = new Set(['generated_at', 'position']);
