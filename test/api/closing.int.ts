import { describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import { io } from 'socket.io-client';
import { registerTestTenant, startTestServer } from '../support/server.js';

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
});
