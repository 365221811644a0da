import { Agent, request } from 'node:http';

/** What a closed loop of requests over some connections came to. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Times to the answer in milliseconds. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Answers that were not the status wanted. */
  readonly refused: number;
}

export interface Load {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly Buffer[];
  readonly connections: number;
  readonly seconds: number;
  readonly wanted_status: number;
}

/** Each connection sends its next request when the last is answered, for that long; the first fifth does not count. */
export const closedLoop = async (load: Load): Promise<LoadResult> => {
  const agent = new Agent({ keepAlive: true, maxSockets: load.connections });
  const started = performance.now();
  const counted_from = started + load.seconds * 200;
  const until = started + load.seconds * 1000;
  const times: number[] = [];
  let refused = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const body = load.bodies[next++ % load.bodies.length];
      if (!body) return;
      const sent = performance.now();
      const status = await post(agent, load, body);
      const answered = performance.now();
      if (sent < counted_from) continue;
      times.push(answered - sent);
      if (status !== load.wanted_status) refused += 1;
    }
  };
  await Promise.all(Array.from({ length: load.connections }, worker));
  agent.destroy();
  const sorted = times.sort((a, b) => a - b);
  return {
    requests: times.length,
    seconds: (performance.now() - counted_from) / 1000,
    p50_ms: at(sorted, 0.5),
    p99_ms: at(sorted, 0.99),
    refused,
  };
};

/** The value below which that share of sorted values lies. */
export const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;

const post = (agent: Agent, load: Load, body: Buffer): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request(
      load.url,
      { method: 'POST', agent, headers: { ...load.headers, 'content-length': body.length } },
      (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
