import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { KeptConnection, requestBytes } from '../load/connection.js';
import { singles } from '../load/events.js';
import { at } from '../load/result.js';
import { megabytes, milliseconds, type Step } from '../step.js';
import type { RegisteredTenant } from '../../test/support/started-server.js';

/** Rooms are updated at most every 50 ms: events that come further apart each have an update of their own. */
const APART_MS = 60;
const LONGEST_WAIT_MS = 10_000;

/** How long it takes from sending an event until a dashboard has it, with nothing else going on. */
const pushLatency = async (
  url: string,
  tenant: RegisteredTenant,
  bodies: readonly Buffer[],
): Promise<{ readonly p50_ms: number; readonly p99_ms: number }> => {
  const address = new URL(`${url}/api/v1/ingestion/events`);
  const headers = { 'content-type': 'application/json', 'x-api-key': tenant.api_key };
  const connection = await KeptConnection.open(address);
  const socket = io(`${url}/dashboard`, {
    transports: ['websocket'],
    auth: { token: tenant.access_token },
  });
  try {
    let seen = '';
    let arrived: (() => void) | undefined;
    socket.on('update', (message: { topic: string; position: string }) => {
      if (message.topic !== 'events') return;
      seen = message.position;
      arrived?.();
    });
    const subscribed = new Promise<void>((resolve, reject) => {
      socket.on('connect_error', reject);
      socket.on('snapshot', () => {
        resolve();
      });
      socket.on('connect', () => socket.emit('subscribe', { topic: 'events', params: {} }));
    });
    await within(subscribed);
    const measured: number[] = [];
    for (const body of bodies) {
      await sleep(APART_MS);
      const request = requestBytes(address, headers, body);
      const started = performance.now();
      const answer = await connection.exchange(request);
      if (answer.status !== 201) throw new Error(`An event was answered ${answer.status}: ${answer.body}`);
      const { position } = JSON.parse(answer.body) as { position: string };
      const update = new Promise<void>((resolve) => {
        arrived = () => {
          if (seen >= position) resolve();
        };
        arrived();
      });
      await within(update);
      measured.push(performance.now() - started);
    }
    measured.sort((a, b) => a - b);
    return { p50_ms: at(measured, 0.5), p99_ms: at(measured, 0.99) };
  } finally {
    socket.close();
    connection.close();
  }
};

const within = async (waiting: Promise<void>): Promise<void> => {
  const given_up = new AbortController();
  const timeout = sleep(LONGEST_WAIT_MS, undefined, { signal: given_up.signal }).then(() => {
    throw new Error(`No update came to the dashboard within ${LONGEST_WAIT_MS / 1000} s.`);
  });
  timeout.catch(() => undefined);
  try {
    await Promise.race([waiting, timeout]);
  } finally {
    given_up.abort();
  }
};

export const push: Step = {
  name: 'push',
  what: () => 'From POST to dashboard, and idle memory',
  measure: async (run) => {
    const events = singles(100);
    const idle = await run.server.memory();
    const { p50_ms, p99_ms } = await pushLatency(run.server.url, run.tenant, events);
    run.stored += events.length;
    return { push_p50_ms: p50_ms, push_p99_ms: p99_ms, memory_idle_bytes: idle };
  },
  rows: (figures) => [
    [
      'POST to Socket.IO message, p50 / p99',
      `${milliseconds(figures, 'push_p50_ms')} / ${milliseconds(figures, 'push_p99_ms')}`,
      '',
    ],
    ['memory of the server, idle', megabytes(figures, 'memory_idle_bytes'), ''],
  ],
};
