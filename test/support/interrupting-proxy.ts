import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to a request on its way: `cut` loses it, `lose` its answer. */
export type Fate = 'pass' | 'cut' | 'lose';

/** A proxy in front of a server that decides what becomes of each request. */
export interface InterruptingProxy {
  readonly url: string;
  /** Where requests go to; a server that was started again has another address. */
  target: string;
  /** Decides over each POST, counted from 0 since it was set. */
  fate: (count: number) => Fate | Promise<Fate>;
  close(): void;
}

export const startProxy = async (target: string): Promise<InterruptingProxy> => {
  let count = 0;
  let decide: InterruptingProxy['fate'] = () => 'pass';
  const proxy = {
    url: '',
    target,
    get fate() {
      return decide;
    },
    set fate(fate) {
      count = 0;
      decide = fate;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  const forward = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    // All of the request is here before its fate is decided: its sender may end with that.
    const body: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) body.push(chunk);
    const fate = incoming.method === 'POST' ? await decide(count++) : 'pass';
    if (fate === 'cut') {
      incoming.socket.destroy();
      return;
    }
    const onward = request(`${proxy.target}${incoming.url ?? ''}`, {
      method: incoming.method ?? 'GET',
      headers: incoming.headers,
    });
    onward.on('error', () => incoming.socket.destroy());
    onward.on('response', (answer) => {
      if (fate === 'lose') answer.resume().on('end', () => incoming.socket.destroy());
      else answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
    });
    onward.end(Buffer.concat(body));
  };
  const server = createServer((incoming, response) => {
    // A sender that went away in the middle has nothing to wait for.
    forward(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return proxy;
};
