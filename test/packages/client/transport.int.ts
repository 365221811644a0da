import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpTransport, type OutgoingRequest } from '../../../packages/client/src/transport.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const listen = async (handler: RequestListener): Promise<URL> => {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`);
};

const transport = httpTransport(1);
const send = (url: URL, more: Partial<OutgoingRequest> = {}) =>
  transport.send({ method: 'POST', url, headers: {}, body: 'äöü', timeout_ms: 20_000, ...more });

describe('sending a request', () => {
  it('uses one connection again and again, and says how long the body is', async () => {
    const ports = new Set<number | undefined>();
    const url = await listen((request, response) => {
      ports.add(request.socket.remotePort);
      response.end(request.headers['content-length']);
    });
    for (let n = 0; n < 5; n += 1) expect(await send(url)).toMatchObject({ status: 200, body: '6' });
    expect(ports.size).toBe(1);
  });

  it('fails where no answer comes in time, or only its beginning', async () => {
    const silent = await listen(() => undefined);
    await expect(send(silent, { timeout_ms: 50 })).rejects.toThrow('No answer within 50 ms');
    const slow = await listen((_request, response) => void response.write('{"acc'));
    await expect(send(slow, { timeout_ms: 50 })).rejects.toThrow();
  });

  it('fails where the answer is cut off, where nobody listens, and where it is given up', async () => {
    const cut = await listen((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{', () => response.destroy());
    });
    await expect(send(cut)).rejects.toThrow();
    closing.splice(0).forEach((close) => close());
    await expect(send(cut)).rejects.toThrow();
    const stop = new AbortController();
    const silent = await listen(() => stop.abort());
    await expect(send(silent, { signal: stop.signal })).rejects.toThrow();
  });
});
