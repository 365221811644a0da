import type { IncomingHttpHeaders } from 'node:http';
import { uuidV7 } from '../../platform/uuid.js';
import type { ApiServices } from '../dependencies.js';
import { ClientGone } from './body.js';
import { requestIdOf } from './context.js';
import type { Dispatcher, Incoming } from './dispatch.js';
import type { ApiResponse } from './message.js';
import type { Route } from './route.js';

/** Where the answer to one request goes; one of its methods is called, once. */
export interface Reply {
  /** Headers are names and values by turns, each name once. The last answer of a connection says so, and ends it. */
  send(status: number, headers: string[], content: Uint8Array | string | undefined, last: boolean): void;
  /** There is nothing that could be said: the connection ends. */
  abandon(): void;
}

/** Between routes and what carries requests and answers: for Express and for those in front of it, one way of answering. */
export class Wire {
  #closing = false;

  constructor(
    private readonly api: Pick<ApiServices, 'clock' | 'random' | 'metrics' | 'logger'>,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** From now on answers ask clients to leave. */
  close(): void {
    this.#closing = true;
  }

  requestId(headers: IncomingHttpHeaders): string {
    return requestIdOf(headers) ?? uuidV7(this.api.clock, this.api.random);
  }

  /** Carries out a route for a request, whatever happens. */
  async serve(
    route: Route,
    { headers, body, url, params, ip }: Omit<Incoming, 'request_id'>,
    reply: Reply,
  ): Promise<void> {
    const started = this.api.clock.monotonic();
    const request_id = this.requestId(headers);
    try {
      const incoming = { headers, body, request_id, url, params, ip };
      const answer = await this.dispatcher.dispatch(route, incoming);
      this.send(answer, request_id, reply);
      const { method, path } = route;
      this.api.metrics.requests.inc({ method, route: path, status: String(answer.status) });
      const seconds = (this.api.clock.monotonic() - started) / 1000;
      this.api.metrics.requestSeconds.observe({ method, route: path }, seconds);
    } catch (error) {
      if (!(error instanceof ClientGone))
        this.api.logger.error({ err: error, request_id, route: route.path }, 'answer failed');
      reply.abandon();
    }
  }

  send(answer: ApiResponse, request_id: string, reply: Reply): void {
    const content = encode(answer.body);
    reply.send(answer.status, headersOf(answer, content, request_id), content, this.#closing);
  }
}

/** What answers say unless they say something else. */
const BY_DEFAULT: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

/** Names and values by turns: node writes these as they are, and an object only after looking at it. */
const headersOf = (
  { status, headers, content_type = 'application/json' }: ApiResponse,
  content: Uint8Array | string | undefined,
  request_id: string,
): string[] => {
  const list = ['X-Request-Id', request_id];
  for (const name in BY_DEFAULT) if (headers?.[name] === undefined) list.push(name, BY_DEFAULT[name] ?? '');
  for (const name in headers) list.push(name, headers[name] ?? '');
  if (content !== undefined) list.push('Content-Type', content_type);
  if (status !== 204) list.push('Content-Length', String(Buffer.byteLength(content ?? '')));
  return list;
};

/** Text stays text: it goes off in one piece with the headers. */
const encode = (body: unknown): Uint8Array | string | undefined =>
  body === undefined || body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body);
