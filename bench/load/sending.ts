import { cpuTime, serverPid } from '../server-process.js';
import { requestBytes } from './connection.js';
import type { Figures, Run } from '../step.js';
import type { LoadResult } from './result.js';

/** What a load sends, and what its answers have to be. */
export interface Sent {
  /** Under `/api/v1/ingestion`. */
  readonly path: string;
  readonly content_type?: string;
  readonly bodies: readonly Buffer[];
  /** Makes a body new before it is sent, where the same bytes again would be the same request. */
  readonly renew?: (body: Buffer, index: number, number: number) => void;
  readonly connections: number;
  readonly wanted_status: number;
  readonly events_each: number;
}

/** How requests are sent: in a closed loop, or at a rate. */
export type Sender = (load: {
  readonly url: URL;
  /** The next request's bytes. */
  readonly next: () => Buffer;
  readonly connections: number;
  readonly seconds: number;
  readonly wanted_status: number;
  /** Called where the time that counts begins. */
  readonly onCounting: () => void;
}) => Promise<LoadResult>;

/** A load on the server, and what it took of its CPU. */
export const send = async (
  run: Run,
  { path, content_type = 'application/json', bodies, renew, events_each, ...sent }: Sent,
  sender: Sender,
): Promise<LoadResult & { readonly cpu_us: number }> => {
  const pid = await serverPid(run.server.data_directory);
  const url = new URL(`${run.server.url}/api/v1/ingestion/${path}`);
  const headers = { 'content-type': content_type, 'x-api-key': run.tenant.api_key };
  const requests = bodies.map((body) => requestBytes(url, headers, body));
  let number = 0;
  const next = (): Buffer => {
    const index = number % requests.length;
    const request = requests[index] ?? Buffer.alloc(0);
    renew?.(request.subarray(request.length - (bodies[index]?.length ?? 0)), index, number);
    number += 1;
    return request;
  };
  let before: Promise<number | undefined> = Promise.resolve(undefined);
  const result = await sender({
    ...sent,
    url,
    next,
    seconds: run.seconds,
    onCounting: () => {
      before = cpuTime(pid);
    },
  });
  const after = await cpuTime(pid);
  run.stored += result.accepted * events_each;
  return { ...result, cpu_us: (after ?? NaN) - ((await before) ?? NaN) };
};

/** The figures of a load, under a name. */
export const loadFigures = (
  name: string,
  { events_each }: Sent,
  { requests, seconds, p50_ms, p99_ms, refused, cpu_us }: Awaited<ReturnType<typeof send>>,
): Figures => ({
  [`${name}_per_second`]: (requests * events_each) / seconds,
  [`${name}_p50_ms`]: p50_ms,
  [`${name}_p99_ms`]: p99_ms,
  [`${name}_cpu_us`]: cpu_us / (requests * events_each),
  [`${name}_refused`]: refused,
});
