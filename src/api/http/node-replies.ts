import type { IncomingMessage, ServerResponse } from 'node:http';
import { Leftovers } from './leftovers.js';
import type { Reply } from './wire.js';

/** How long an answer that says when to come back waits for the end of the body that it is to. */
const PATIENCE_MS = 5_000;

/** Answers by node's own messages. */
export class NodeReplies {
  readonly #leftovers = new Leftovers();

  to(request: IncomingMessage, response: ServerResponse): Reply {
    return {
      send: (status, headers, content, last) => {
        if (last) headers.push('Connection', 'close');
        this.#send(request, response, status, headers, content);
      },
      abandon: () => void response.destroy(),
    };
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    headers: string[],
    content: Uint8Array | string | undefined,
  ): void {
    const sent = request.method === 'HEAD' ? undefined : content;
    if (request.complete) {
      response.writeHead(status, headers).end(sent);
      return;
    }
    let said = false;
    let late: NodeJS.Timeout | undefined;
    // In full, and not ended: behind the end node would take the rest of the body off the wire at full speed.
    const say = (): void => {
      if (said || response.destroyed) return;
      said = true;
      clearTimeout(late);
      response.writeHead(status, headers);
      if (sent === undefined) response.flushHeaders();
      else response.write(sent);
    };
    if (!headers.includes('Retry-After')) say();
    // Who is to come back, and comes at once, would have its next request stand behind what is left of this one.
    else late = setTimeout(say, PATIENCE_MS).unref();
    this.#leftovers.add(request, () => {
      say();
      response.end();
    });
  }
}
