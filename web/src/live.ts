import { useEffect, useState } from 'preact/hooks';
import { io, type Socket } from 'socket.io-client';
import type { Client } from './api.js';

/** What the server sends of a topic: the state as of a log position. */
interface Message<T> {
  readonly topic: string;
  readonly params: object;
  readonly position: string;
  readonly data: T;
}

type Connection = 'connecting' | 'live' | 'reconnecting';

/**
 * How long after the server sent us away we come back, twice as long each time that it does so again. The library
 * comes back by itself only after a lost connection.
 */
const COME_BACK_MS = 1000;
const COME_BACK_MOST_MS = 30_000;

/** The live connection: one socket, which fetches a fresh token whenever it connects. */
export class Live {
  readonly socket: Socket;
  #return: number | undefined;
  #delay_ms = COME_BACK_MS;
  #closed = false;

  constructor(client: Client) {
    this.socket = io('/dashboard', {
      transports: ['websocket', 'polling'],
      auth: (give) => {
        client.token().then(
          (token) => give({ token }),
          () => give({}),
        );
      },
      reconnectionDelayMax: 5000,
    });
    this.socket.on('connect', () => (this.#delay_ms = COME_BACK_MS));
    this.socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') this.#comeBack();
    });
    this.socket.on('connect_error', (error) => {
      if (this.socket.active) return;
      // Refused, not lost. A token that is not taken any more is exchanged, and where the session itself is over the
      // exchange says so.
      const isToken = (error as { data?: { code?: string } }).data?.code === 'unauthenticated';
      (isToken ? client.renew() : Promise.resolve()).catch(() => undefined).finally(() => this.#comeBack());
    });
  }

  close(): void {
    clearTimeout(this.#return);
    this.#closed = true;
    this.socket.close();
  }

  #comeBack(): void {
    clearTimeout(this.#return);
    if (this.#closed) return;
    this.#return = window.setTimeout(() => this.socket.connect(), this.#delay_ms);
    this.#delay_ms = Math.min(this.#delay_ms * 2, COME_BACK_MOST_MS);
  }
}

export const useConnection = (live: Live): Connection => {
  const [state, setState] = useState<Connection>('connecting');
  useEffect(() => {
    const { socket } = live;
    const connected = (): void => setState('live');
    const lost = (): void => setState('reconnecting');
    socket.on('connect', connected).on('disconnect', lost).on('connect_error', lost);
    if (socket.connected) connected();
    return () => {
      socket.off('connect', connected).off('disconnect', lost).off('connect_error', lost);
    };
  }, [live]);
  return state;
};

/**
 * Follows a topic and folds its messages into a state. On every reconnect it subscribes again from the last
 * position it has seen, so that nothing is missed; the server answers with a snapshot.
 */
export const useTopic = <T, S>(
  live: Live,
  topic: string,
  params: object,
  fold: (state: S | undefined, message: Message<T>, kind: 'snapshot' | 'update') => S,
): S | undefined => {
  const [state, setState] = useState<S>();
  const wanted = JSON.stringify(params);
  useEffect(() => {
    const { socket } = live;
    let since: string | undefined;
    let current: S | undefined;
    const take = (kind: 'snapshot' | 'update') => (message: Message<T>) => {
      if (message.topic !== topic || canonical(message.params) !== canonical(params)) return;
      since = message.position;
      current = fold(current, message, kind);
      setState(current);
    };
    const onSnapshot = take('snapshot');
    const onUpdate = take('update');
    const subscribe = (): void => {
      socket.emit('subscribe', { topic, params, ...(since && { since }) });
    };
    socket.on('snapshot', onSnapshot).on('update', onUpdate).on('connect', subscribe);
    if (socket.connected) subscribe();
    return () => {
      socket.off('snapshot', onSnapshot).off('update', onUpdate).off('connect', subscribe);
      socket.emit('unsubscribe', { topic, params });
    };
  }, [live, topic, wanted]);
  return state;
};

/** The newest message replaces the state. */
export const newest = <T>(_state: T | undefined, message: Message<T>): T => message.data;

const canonical = (params: object): string =>
  JSON.stringify(Object.entries(params).sort(([a], [b]) => a.localeCompare(b)));
