import { KeptConnection } from './connection.js';
import { Tally, WARM_UP } from './result.js';
import type { Sender } from './sending.js';

/** Each connection sends its next request when the last is answered, for that long. */
export const closedLoop: Sender = async (load) => {
  const connections = await Promise.all(
    Array.from({ length: load.connections }, () => KeptConnection.open(load.url)),
  );
  const started = performance.now();
  const counted_from = started + load.seconds * 1000 * WARM_UP;
  const until = started + load.seconds * 1000;
  const tally = new Tally(counted_from, load.wanted_status);
  let counting = false;
  const worker = async (connection: KeptConnection): Promise<void> => {
    for (let sent = performance.now(); sent < until;) {
      if (!counting && sent >= counted_from) {
        counting = true;
        load.onCounting();
      }
      const { status } = await connection.exchange(load.next());
      const answered = performance.now();
      tally.take(status, sent, answered);
      sent = answered;
    }
  };
  try {
    await Promise.all(connections.map(worker));
  } finally {
    for (const connection of connections) connection.close();
  }
  return tally.result();
};
