import { monitorEventLoopDelay } from 'node:perf_hooks';
import { KeptConnection, requestBytes, type Answer } from './connection.js';
import { at } from './result.js';

/** One sender of batches that does not wait for answers. */
export interface Flooder {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Requests a second. */
  readonly rate: number;
  /** As many requests may be without an answer at once; more are left out, and counted. */
  readonly connections: number;
}

export interface Flood {
  readonly sender: Flooder;
  readonly seconds: number;
  /** Events in a batch. */
  readonly batch: number;
}

/** What became of the requests. */
export interface Flooded {
  readonly name: string;
  readonly sent: number;
  /** Not sent, since every connection waited for an answer. */
  readonly left_out: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Refusals by 429 or 503 that do not say when to come back. */
  readonly without_retry_after: number;
  /** Events that the server said it has stored. */
  readonly acknowledged: number;
  /** Answers that said so, in milliseconds from the request's last byte handed over to the answer. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** The same of refusals. */
  readonly refused_p99_ms: number;
  /** By how much the sending process itself was late: what the times above may owe to it. */
  readonly lag_p99_ms: number;
}

const LAG_RESOLUTION_MS = 1;
const RETRY_AFTER = /\r\nretry-after: *\d+/i;

/** Sends requests at a rate, whether they are answered or not; resolves when all are. */
export const flood = async ({ sender, seconds }: Flood, bodies: readonly Buffer[]): Promise<Flooded> => {
  const url = new URL(sender.url);
  const requests = bodies.map((body) => requestBytes(url, sender.headers, body));
  const idle = await Promise.all(Array.from({ length: sender.connections }, () => KeptConnection.open(url)));
  const all = [...idle];
  const statuses: Record<string, number> = {};
  const accepted_ms: number[] = [];
  const refused_ms: number[] = [];
  let sent = 0;
  let left_out = 0;
  let without_retry_after = 0;
  let acknowledged = 0;
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();

  const take = ({ status, head, body }: Answer, milliseconds: number): void => {
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (status === 200) {
      acknowledged += (JSON.parse(body) as { accepted: number }).accepted;
      accepted_ms.push(milliseconds);
    } else {
      refused_ms.push(milliseconds);
      if ((status === 429 || status === 503) && !RETRY_AFTER.test(head)) without_retry_after += 1;
    }
  };

  const under_way = new Set<Promise<void>>();
  const exchange = async (connection: KeptConnection, request: Buffer): Promise<void> => {
    const started = performance.now();
    take(await connection.exchange(request), performance.now() - started);
    idle.push(connection);
  };
  const started = performance.now();
  const until = started + seconds * 1000;
  for (let now = started; now < until; now = performance.now()) {
    const due = Math.floor(((now - started) / 1000) * sender.rate);
    while (sent + left_out < due) {
      const connection = idle.pop();
      const request = requests[(sent + left_out) % requests.length];
      if (!connection || !request) {
        left_out += 1;
        continue;
      }
      sent += 1;
      const exchanged = exchange(connection, request).finally(() => under_way.delete(exchanged));
      under_way.add(exchanged);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(under_way);
  for (const connection of all) connection.close();
  const sorted = (times: number[]): number[] => times.sort((one, other) => one - other);
  return {
    name: sender.name,
    sent,
    left_out,
    statuses,
    without_retry_after,
    acknowledged,
    p50_ms: at(sorted(accepted_ms), 0.5),
    p99_ms: at(sorted(accepted_ms), 0.99),
    refused_p99_ms: at(sorted(refused_ms), 0.99),
    lag_p99_ms: lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS,
  };
};
