import { KeptConnection, requestBytes } from './connection.js';

/** What a closed loop of requests over some connections came to. */
export interface LoadResult {
  /** Answered as wanted, from the first request on. */
  readonly accepted: number;
  /** Answered in the time that counts. */
  readonly requests: number;
  readonly seconds: number;
  /** Times to the answer in milliseconds. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Answers that were not the status wanted, from the first request on. */
  readonly refused: number;
}

export interface Load {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly Buffer[];
  readonly connections: number;
  readonly seconds: number;
  readonly wanted_status: number;
  /** Called where the time that counts begins. */
  readonly onCounting?: () => void;
}

/** The part of the load that warms up and does not count. */
const WARM_UP = 0.2;

/** Each connection sends its next request when the last is answered, for that long. */
export const closedLoop = async (load: Load): Promise<LoadResult> => {
  const url = new URL(load.url);
  const requests = load.bodies.map((body) => requestBytes(url, load.headers, body));
  const connections = await Promise.all(
    Array.from({ length: load.connections }, () => KeptConnection.open(url)),
  );
  const started = performance.now();
  const counted_from = started + load.seconds * 1000 * WARM_UP;
  const until = started + load.seconds * 1000;
  const times: number[] = [];
  let counting = false;
  let accepted = 0;
  let refused = 0;
  let next = 0;
  const worker = async (connection: KeptConnection): Promise<void> => {
    for (let sent = performance.now(); sent < until;) {
      if (!counting && sent >= counted_from) {
        counting = true;
        load.onCounting?.();
      }
      const request = requests[next++ % requests.length];
      if (!request) return;
      const { status } = await connection.exchange(request);
      const answered = performance.now();
      if (status === load.wanted_status) accepted += 1;
      else refused += 1;
      if (sent >= counted_from) times.push(answered - sent);
      sent = answered;
    }
  };
  try {
    await Promise.all(connections.map(worker));
  } finally {
    for (const connection of connections) connection.close();
  }
  const seconds = (performance.now() - counted_from) / 1000;
  const sorted = times.sort((a, b) => a - b);
  return {
    accepted,
    requests: times.length,
    seconds,
    p50_ms: at(sorted, 0.5),
    p99_ms: at(sorted, 0.99),
    refused,
  };
};

/** The value below which that share of sorted values lies. */
export const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
