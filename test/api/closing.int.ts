import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { io } from 'socket.io-client';
import { registerTestTenant, startTestServer } from '../support/server.js';
import { until } from '../support/until.js';

describe('closing the server', () => {
  it('finishes the request that is under way, closes sockets and takes no more', async () => {
    const server = await startTestServer();
    const ada = await registerTestTenant(server, 'ada');
    const socket = io(`${server.url}/dashboard`, {
      auth: { token: ada.token },
      transports: ['websocket'],
      reconnection: false,
    });
    await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
    const left = new Promise((resolve) => socket.once('disconnect', resolve));

    const body = JSON.stringify({ type: 'api_call', service: 'last' });
    const post = request(`${server.url}/api/v1/ingestion/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ada.key}`,
        'content-type': 'application/json',
        'content-length': body.length,
        expect: '100-continue',
      },
    });
    const answered = new Promise<{ status: number | undefined; connection: string | undefined }>(
      (resolve, reject) => {
        post.on('error', reject).on('response', (response) => {
          response.resume();
          resolve({ status: response.statusCode, connection: response.headers.connection });
        });
      },
    );
    // The server has the request's head once it says that it wants the rest.
    await new Promise((resolve) => post.once('continue', () => resolve(undefined)));
    post.write(body.slice(0, 5));

    const stopped = server.stop();
    await left;
    post.end(body.slice(5));
    expect(await answered).toEqual({ status: 201, connection: 'close' });
    await stopped;
    await expect(server.call('GET', '/health/live')).rejects.toThrow();
  });

  it('ends connections on which nothing is asked, also where their requests were plain', async () => {
    const server = await startTestServer();
    const ada = await registerTestTenant(server, 'ada');
    const event = JSON.stringify({ type: 'api_call' });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let received = '';
    socket.on('data', (bytes) => (received += bytes.toString()));
    const ended = once(socket, 'close');
    socket.write(
      `POST /api/v1/ingestion/events HTTP/1.1\r\nhost: x\r\nx-api-key: ${ada.key}\r\n` +
        `content-type: application/json\r\ncontent-length: ${event.length}\r\n\r\n${event}`,
    );
    await until(() => received.includes('"event_id"'));
    expect(received).toMatch(/^HTTP\/1\.1 201 Created\r\n[^]*\r\nConnection: keep-alive\r\n/);
    await Promise.all([server.stop(), ended]);
  });
});
