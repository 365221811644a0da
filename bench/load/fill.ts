import { setTimeout as sleep } from 'node:timers/promises';
import { KeptConnection, requestBytes, type Answer } from './connection.js';
import type { History } from './history.js';
import type { Run } from '../step.js';

const CONNECTIONS = 4;

/** After how many seconds the same is to be sent again; undefined where it is not. */
const pauseOf = ({ status, head }: Answer): number | undefined =>
  status === 503 ? Number(/\r\nretry-after: *(\d+)/i.exec(head)?.[1] ?? 1) : undefined;

/** What was sent. */
export interface Filled {
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Sends bodies of a history, from one up to another, each until it is stored: what the server has no room for it gets
 * again when it says. `seen` is shown what went. Throws where one is refused.
 */
export const fill = async (
  { server, tenant }: Pick<Run, 'server' | 'tenant'>,
  history: History,
  range: { readonly from: number; readonly to: number },
  seen: (body: Buffer, number: number) => Promise<void> = () => Promise.resolve(),
): Promise<Filled> => {
  const url = new URL(`${server.url}/api/v1/ingestion/events/batch`);
  const headers = { 'content-type': 'application/x-ndjson', 'x-api-key': tenant.api_key };
  const started = performance.now();
  let next = range.from;
  let bytes = 0;
  const send = async (connection: KeptConnection): Promise<void> => {
    while (next < range.to) {
      const number = next++;
      const body = history.body(number);
      const request = requestBytes(url, headers, body);
      bytes += body.length;
      await seen(request.subarray(request.length - body.length), number);
      let answer = await connection.exchange(request);
      for (let wait = pauseOf(answer); wait !== undefined; wait = pauseOf(answer)) {
        await sleep(wait * 1000);
        answer = await connection.exchange(request);
      }
      if (answer.status !== 200)
        throw new Error(`A batch was answered ${String(answer.status)}: ${answer.body}`);
    }
  };
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => KeptConnection.open(url)));
  try {
    await Promise.all(connections.map(send));
  } finally {
    for (const connection of connections) connection.close();
  }
  return { bytes, seconds: (performance.now() - started) / 1000 };
};
