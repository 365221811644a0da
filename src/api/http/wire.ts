import type { IncomingMessage, ServerResponse } from 'node:http';
import { uuidV7 } from '../../platform/uuid.js';
import type { ApiServices } from '../dependencies.js';
import { ClientGone } from './body.js';
import { requestIdOf } from './context.js';
import type { Dispatcher } from './dispatch.js';
import { Leftovers } from './leftovers.js';
import type { ApiResponse } from './message.js';
import type { Route } from './route.js';

/** How long an answer that says when to come back waits for the end of the body that it is to. */
const PATIENCE_MS = 5_000;

/** Between node's messages and ours: for Express and for the hot routes in front of it, one way of answering. */
export class Wire {
  readonly #leftovers = new Leftovers();
  #closing = false;

  constructor(
    private readonly api: Pick<ApiServices, 'clock' | 'random' | 'metrics' | 'logger'>,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** From now on answers ask clients to leave. */
  close(): void {
    this.#closing = true;
  }

  requestId(request: IncomingMessage): string {
    return requestIdOf(request.headers) ?? uuidV7(this.api.clock, this.api.random);
  }

  /** Carries out a route for a request, whatever happens. */
  async serve(
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
    found: { readonly url: string; readonly params: Readonly<Record<string, string>>; readonly ip: string },
  ): Promise<void> {
    const started = this.api.clock.monotonic();
    const request_id = this.requestId(request);
    try {
      const answer = await this.dispatcher.dispatch(route, { request, request_id, ...found });
      this.send(request, response, answer, request_id);
      const { method, path } = route;
      this.api.metrics.requests.inc({ method, route: path, status: String(answer.status) });
      const seconds = (this.api.clock.monotonic() - started) / 1000;
      this.api.metrics.requestSeconds.observe({ method, route: path }, seconds);
    } catch (error) {
      if (!(error instanceof ClientGone))
        this.api.logger.error({ err: error, request_id, route: route.path }, 'answer failed');
      response.destroy();
    }
  }

  send(request: IncomingMessage, response: ServerResponse, answer: ApiResponse, request_id: string): void {
    const content = encode(answer.body);
    const headers = this.#headers(answer, content, request_id);
    const sent = request.method === 'HEAD' ? undefined : content;
    if (request.complete) {
      response.writeHead(answer.status, headers).end(sent);
      return;
    }
    let said = false;
    let late: NodeJS.Timeout | undefined;
    // In full, and not ended: behind the end node would take the rest of the body off the wire at full speed.
    const say = (): void => {
      if (said || response.destroyed) return;
      said = true;
      clearTimeout(late);
      response.writeHead(answer.status, headers);
      if (sent === undefined) response.flushHeaders();
      else response.write(sent);
    };
    if (answer.headers?.['Retry-After'] === undefined) say();
    // Who is to come back, and comes at once, would have its next request stand behind what is left of this one.
    else late = setTimeout(say, PATIENCE_MS).unref();
    this.#leftovers.add(request, () => {
      say();
      response.end();
    });
  }

  /** Names and values by turns, each name once: node writes these as they are, and an object only after looking at it. */
  #headers(
    { status, headers, content_type = 'application/json' }: ApiResponse,
    content: Uint8Array | string | undefined,
    request_id: string,
  ): string[] {
    const list = ['X-Request-Id', request_id];
    for (const name in BY_DEFAULT) if (headers?.[name] === undefined) list.push(name, BY_DEFAULT[name] ?? '');
    for (const name in headers) list.push(name, headers[name] ?? '');
    if (content !== undefined) list.push('Content-Type', content_type);
    if (status !== 204) list.push('Content-Length', String(Buffer.byteLength(content ?? '')));
    if (this.#closing) list.push('Connection', 'close');
    return list;
  }
}

/** What answers say unless they say something else. */
const BY_DEFAULT: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

/** Text stays text: node sends it in one piece with the headers. */
const encode = (body: unknown): Uint8Array | string | undefined =>
  body === undefined || body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body);
