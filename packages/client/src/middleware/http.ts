import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../client.js';
import { attempt, observe, type ObserveOptions } from './observe.js';

export interface HttpOptions extends ObserveOptions<IncomingMessage> {
  /** The route's pattern, where the handler knows it; else the server derives one from the path. */
  readonly route?: (request: IncomingMessage) => string | undefined;
}

/** A handler of node:http that does what it did and is recorded. */
export const instrumentHttp = <Result>(
  client: Client,
  handler: (request: IncomingMessage, response: ServerResponse) => Result,
  options: HttpOptions = {},
): ((request: IncomingMessage, response: ServerResponse) => Result) => {
  const { consumer, ignore, route } = options;
  return (request, response) => {
    attempt(() => {
      if (ignore?.(request) === true) return;
      // Handlers may rewrite it.
      const url = attempt(() => request.url);
      observe(client, request, response, {
        url: () => url,
        route: () => route?.(request),
        consumer: () => consumer?.(request),
      });
    });
    return handler(request, response);
  };
};
