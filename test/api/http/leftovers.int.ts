import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Leftovers } from '../../../src/api/http/leftovers.js';
import { until } from '../../support/until.js';

const BODY = Buffer.alloc(512 * 1024, 'x');
const SENDERS = 8;

const leftovers = new Leftovers();
const requests = new Set<IncomingMessage>();
/** The most bodies that were being read at once. */
let most = 0;
let done = 0;
let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.add(request);
    response.writeHead(503, { 'Content-Length': '0' }).flushHeaders();
    request.on('resume', () => {
      most = Math.max(
        most,
        [...requests].filter(({ readableFlowing, complete }) => readableFlowing && !complete).length,
      );
    });
    leftovers.add(request, () => {
      done += 1;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

it('reads what is left of many bodies one after another, and is told by each that it is over', async () => {
  const { port } = server.address() as AddressInfo;
  const sockets = Array.from({ length: SENDERS }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.resume();
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY.length}\r\n\r\n`);
    socket.write(BODY);
    return socket;
  });
  await until(() => done === SENDERS);
  expect([...requests].map(({ complete }) => complete)).toEqual(Array.from({ length: SENDERS }, () => true));
  expect(most).toBe(1);
  for (const socket of sockets) socket.destroy();
});

it('goes on with others where a sender is slow, and where it leaves', async () => {
  const { port } = server.address() as AddressInfo;
  done = 0;
  const slow = connect(port, '127.0.0.1');
  slow.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nx');
  await until(() => [...requests][SENDERS]?.readableFlowing === true);
  const staying = connect(port, '127.0.0.1');
  staying.resume();
  staying.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n0123456789');
  await until(() => done === 1);
  expect([...requests].map(({ complete }) => complete).slice(SENDERS)).toEqual([false, true]);
  slow.destroy();
  await until(() => done === 2);
  staying.destroy();
});
