import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ImportServer } from '../../../src/cli/importing/server.js';

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

let running: Server | undefined;
afterEach(() => {
  running?.closeAllConnections();
  running?.close();
  running = undefined;
});

/** A server that answers with these replies in turn; `undefined` breaks the connection off. */
const answering = async (replies: readonly (Reply | undefined)[]) => {
  const requests: { readonly headers: IncomingMessage['headers']; readonly at: number }[] = [];
  running = createServer((request, response) => {
    const reply = replies[requests.length];
    requests.push({ headers: request.headers, at: performance.now() });
    request.resume().on('end', () => {
      if (!reply) request.socket.destroy();
      else response.writeHead(reply.status, reply.headers).end(JSON.stringify(reply.body ?? {}));
    });
  }).listen(0, '127.0.0.1');
  await once(running, 'listening');
  const { port } = running.address() as AddressInfo;
  return { requests, server: new ImportServer(`http://127.0.0.1:${port}`, 'key') };
};

const stored: Reply = {
  status: 200,
  body: {
    accepted: 3,
    duplicates: 1,
    rejected: 1,
    errors: [{ index: 4, pointer: '/type', detail: 'is wrong' }],
    position: 'aa',
  },
};
const outcome = {
  accepted: 3,
  duplicates: 1,
  refused: [{ index: 4, reason: '/type is wrong' }],
  position: 'aa',
};

describe('a batch', () => {
  it('is sent as an import under its key', async () => {
    const { server, requests } = await answering([stored]);
    expect(await server.send('{}', 'import-1')).toEqual(outcome);
    expect(requests[0]?.headers).toMatchObject({
      'idempotency-key': 'import-1',
      'x-pulsestream-origin': 'import',
      'content-type': 'application/x-ndjson',
    });
  });

  it.each<readonly [string, Reply | undefined]>([
    ['breaks off', undefined],
    ['is under way already', { status: 409 }],
    ['has no upstream', { status: 502 }],
    ['is not ready', { status: 503 }],
  ])('is sent again where the connection or the server %s', async (_, reply) => {
    const { server, requests } = await answering([reply, reply, stored]);
    expect(await server.send('{}', 'k')).toEqual(outcome);
    expect(requests).toHaveLength(3);
  });

  it.each([429, 503, 403])('waits for as long as an answer of %s says, with all others', async (status) => {
    const told = { status, headers: { 'retry-after': '1' } };
    const { server, requests } = await answering([told, stored, stored]);
    const first = server.send('{}', 'k1');
    while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await first;
    await server.send('{}', 'k2');
    const [asked = 0, ...again] = requests.map(({ at }) => at);
    for (const at of again) expect(at - asked).toBeGreaterThanOrEqual(990);
  });

  it('that was stored before stores nothing now', async () => {
    const { server } = await answering([{ ...stored, headers: { 'idempotency-replayed': 'true' } }]);
    expect(await server.send('{}', 'k')).toMatchObject({ accepted: 0, duplicates: 4 });
  });

  it('of which nothing is valid says why, line by line', async () => {
    const errors = [
      { pointer: '/0/timestamp', code: 'timestamp_in_future', detail: 'is far away.' },
      { pointer: '/1', code: 'invalid_json', detail: 'is not valid JSON.' },
    ];
    const { server } = await answering([{ status: 400, body: { code: 'no_valid_events', errors } }]);
    expect(await server.send('{}', 'k')).toMatchObject({
      accepted: 0,
      refused: [
        { index: 0, reason: '/timestamp is far away.' },
        { index: 1, reason: 'is not valid JSON.' },
      ],
    });
  });

  it.each([
    [401, 'Check the API key.'],
    [413, 'Run the import again'],
    [500, 'Run the import again'],
  ])('that is answered %s ends the import, with what to do', async (status, hint) => {
    const { server, requests } = await answering([{ status, body: { detail: 'why' } }]);
    await expect(server.send('{}', 'k')).rejects.toMatchObject({
      message: `The server answered ${status}: why`,
      hint: expect.stringContaining(hint),
    });
    expect(requests).toHaveLength(1);
  });
});
