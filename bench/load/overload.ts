import type { RegisteredTenant, StartedServer } from '../../test/support/started-server.js';
import { closedLoop } from './closed-loop.js';
import { requestBytes } from './connection.js';
import { batches } from './events.js';
import type { Flood, Flooded, Flooder } from './flood.js';
import { fromOutside } from './outside.js';

/** Puts a load on a server from a process of its own. */
export const floodFromOutside = async (load: Flood): Promise<Flooded> =>
  (await fromOutside('flood-program', load)) as Flooded;

export interface Overload {
  readonly server: StartedServer;
  /** Sends ten times what the server can do. */
  readonly greedy: RegisteredTenant;
  /** Sends a tenth of what the server can do, all the time. */
  readonly quiet: RegisteredTenant;
  readonly seconds: number;
  /** Events in a batch. */
  readonly batch: number;
}

export interface Overloaded {
  /** Requests a second that the server answers one after another to four who wait for each answer. */
  readonly capacity: number;
  /** What the quiet one saw with nobody beside it. */
  readonly idle: Flooded;
  readonly quiet: Flooded;
  readonly greedy: Flooded;
  /** Events of each that the server said it has stored, from the first on. */
  readonly acknowledged: { readonly greedy: number; readonly quiet: number };
}

const CONNECTIONS = 128;

/** Measures what a server can do, then sends ten times as much. */
export const overload = async ({ server, greedy, quiet, seconds, batch }: Overload): Promise<Overloaded> => {
  const url = `${server.url}/api/v1/ingestion/events/batch`;
  const headers = ({ api_key }: RegisteredTenant): Record<string, string> => ({
    'content-type': 'application/json',
    'x-api-key': api_key,
  });
  const address = new URL(url);
  const requests = batches(32, batch).map((body) => requestBytes(address, headers(greedy), body));
  let next = 0;
  const measured = await closedLoop({
    url: address,
    next: () => requests[next++ % requests.length] ?? Buffer.alloc(0),
    connections: 4,
    seconds: Math.max(2, seconds / 10),
    wanted_status: 200,
    onCounting: () => undefined,
  });
  const capacity = measured.requests / measured.seconds;
  const sender = (name: string, tenant: RegisteredTenant, rate: number): Flooder => ({
    name,
    url,
    headers: headers(tenant),
    rate,
    connections: CONNECTIONS,
  });
  const quietly = sender('quiet', quiet, capacity / 10);
  const idle = await floodFromOutside({ sender: quietly, seconds: Math.max(2, seconds / 4), batch });
  const [beside, too_much] = await Promise.all([
    floodFromOutside({ sender: quietly, seconds, batch }),
    floodFromOutside({ sender: sender('greedy', greedy, capacity * 10), seconds, batch }),
  ]);
  return {
    capacity,
    idle,
    quiet: beside,
    greedy: too_much,
    acknowledged: {
      greedy: measured.accepted * batch + too_much.acknowledged,
      quiet: idle.acknowledged + beside.acknowledged,
    },
  };
};
