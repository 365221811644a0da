import { setTimeout as sleep } from 'node:timers/promises';
import { KeptConnection } from './connection.js';
import { Tally, WARM_UP } from './result.js';
import type { Sender } from './sending.js';

/** Requests that may be due and unsent: behind that the rate is not what was asked for, and the load ends. */
const MOST_WAITING = 10_000;

/**
 * Sends requests at a rate, whether those before are answered or not: one that is due while every connection is busy
 * waits for the next that is free, and its time counts from when it was due.
 */
export const openLoop =
  (per_second: number): Sender =>
  async (load) => {
    const idle = await Promise.all(
      Array.from({ length: load.connections }, () => KeptConnection.open(load.url)),
    );
    const connections = [...idle];
    const started = performance.now();
    const counted_from = started + load.seconds * 1000 * WARM_UP;
    const total = Math.floor(load.seconds * per_second);
    const tally = new Tally(counted_from, load.wanted_status);
    const waiting: number[] = [];
    const under_way = new Set<Promise<void>>();
    let counting = false;

    const exchange = async (connection: KeptConnection, due: number): Promise<void> => {
      const { status } = await connection.exchange(load.next());
      tally.take(status, due, performance.now());
      const next = waiting.shift();
      if (next === undefined) idle.push(connection);
      else await exchange(connection, next);
    };
    try {
      for (let scheduled = 0; scheduled < total;) {
        const now = performance.now();
        if (!counting && now >= counted_from) {
          counting = true;
          load.onCounting();
        }
        for (; scheduled < total; scheduled += 1) {
          const due = started + (scheduled * 1000) / per_second;
          if (due > now) break;
          const connection = idle.pop();
          if (connection) {
            const exchanged = exchange(connection, due).finally(() => under_way.delete(exchanged));
            under_way.add(exchanged);
          } else if (waiting.push(due) > MOST_WAITING) throw new Error('The server is slower than the rate.');
        }
        await sleep(1);
      }
      await Promise.all(under_way);
    } finally {
      for (const connection of connections) connection.close();
    }
    return tally.result();
  };
