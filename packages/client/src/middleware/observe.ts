import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../client.js';
import type { TelemetryEvent } from '../event.js';
import { pathOf } from '../path.js';

type Recorder = Pick<Client, 'record' | 'monotonic'>;

export interface ObserveOptions<Request> {
  /** Who calls: a tenant, a customer, a key's name. */
  readonly consumer?: (request: Request) => string | undefined;
  /** Requests that are none of your API's, such as health checks. */
  readonly ignore?: (request: Request) => boolean;
}

interface Observed {
  /** As the client sent it, whatever routers have made of it since. */
  readonly url: () => unknown;
  /** The route's pattern; undefined lets the server derive one from the path. */
  readonly route: () => string | undefined;
  readonly consumer: () => unknown;
}

/** What a host's object says, or nothing where it throws. */
export const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

const traceIdOf = (request: IncomingMessage): string | undefined => {
  const header: unknown = request.headers.traceparent;
  return typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined;
};

const sizeOf = (header: unknown): number | undefined => {
  const size = typeof header === 'number' || typeof header === 'string' ? Number(header) : NaN;
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
};

const sentBytes = (request: IncomingMessage, response: ServerResponse): number | undefined => {
  const { statusCode } = response;
  if (request.method === 'HEAD' || statusCode === 204 || statusCode === 304) return 0;
  return sizeOf(response.getHeader('content-length'));
};

const defined = <T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

/**
 * Records a request once its answer is out or its client is gone. Only listens: neither the request nor the answer
 * is read, changed or waited for, and nothing that goes wrong here reaches the host.
 */
export const observe = (
  client: Recorder,
  request: IncomingMessage,
  response: ServerResponse,
  observed: Observed,
): void => {
  const timestamp = Date.now();
  const started = client.monotonic();
  let recorded = false;
  const record = (): void => {
    if (recorded) return;
    recorded = true;
    const duration = attempt(() => client.monotonic() - started);
    const consumer = attempt(observed.consumer);
    const finished = attempt(() => response.writableFinished) === true;
    const answered = finished || attempt(() => response.headersSent) === true;
    client.record(
      defined<TelemetryEvent>({
        type: 'api_call',
        timestamp,
        method: attempt(() => request.method),
        route: attempt(observed.route),
        path: attempt(() => pathOf(observed.url())),
        status_code: answered ? attempt(() => response.statusCode) : undefined,
        duration_ms: duration === undefined ? undefined : Math.max(0, Math.round(duration * 1000) / 1000),
        request_bytes: attempt(() => sizeOf(request.headers['content-length'])),
        response_bytes: finished ? attempt(() => sentBytes(request, response)) : undefined,
        consumer: typeof consumer === 'string' ? consumer : undefined,
        trace_id: attempt(() => traceIdOf(request)),
        attributes: finished ? undefined : { aborted: true },
      }),
    );
  };
  const safely = (): void => {
    attempt(record);
  };
  response.once('finish', safely);
  response.once('close', safely);
};
