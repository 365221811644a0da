import { KeptConnection, requestBytes } from './connection.js';
import type { History } from './history.js';
import type { Run } from '../step.js';

const CONNECTIONS = 4;

/** What was sent. */
export interface Filled {
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Sends bodies of a history, from one up to another, each once; `seen` is shown what went. Throws where one is not
 * stored whole.
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
      const { status, body: said } = await connection.exchange(request);
      if (status !== 200) throw new Error(`A batch was answered ${String(status)}: ${said}`);
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
