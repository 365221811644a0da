import { io } from 'socket.io-client';
import { at } from './load.js';
import type { RegisteredTenant } from '../test/support/started-server.js';

/** How long it takes from sending an event until a dashboard has it, with nothing else going on. */
export const pushLatency = async (
  url: string,
  tenant: RegisteredTenant,
  body: Buffer,
  times: number,
): Promise<{ p50_ms: number; p99_ms: number; count: number }> => {
  const socket = io(`${url}/dashboard`, {
    transports: ['websocket'],
    auth: { token: tenant.access_token },
  });
  let arrived: ((position: string) => void) | undefined;
  socket.on('update', (message: { topic: string; position: string }) => {
    if (message.topic === 'events') arrived?.(message.position);
  });
  await new Promise<void>((resolve, reject) => {
    socket.on('connect_error', reject);
    socket.on('snapshot', () => {
      resolve();
    });
    socket.on('connect', () => socket.emit('subscribe', { topic: 'events', params: {} }));
  });
  const measured: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const started = performance.now();
    const update = new Promise<void>((resolve) => {
      arrived = () => {
        resolve();
      };
    });
    const response = await fetch(`${url}/api/v1/ingestion/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': tenant.api_key },
      body: new Uint8Array(body),
    });
    await response.arrayBuffer();
    await update;
    measured.push(performance.now() - started);
  }
  socket.close();
  measured.sort((a, b) => a - b);
  return { p50_ms: at(measured, 0.5), p99_ms: at(measured, 0.99), count: times };
};
