import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { BufferPool } from '../../../src/platform/buffer-pool.js';
import { startTestServer, type TestServer } from '../../support/server.js';

const SENDERS = 6;
const BATCHES = 6;
const EVENTS = 150;

describe('Large bodies that come at once, in memory that is used again', () => {
  let server: TestServer;
  let key = '';
  let given = 0;

  beforeAll(async () => {
    const give = Reflect.get(BufferPool.prototype, 'give');
    // What is still read after it was given back is then broken.
    jest.spyOn(BufferPool.prototype, 'give').mockImplementation(function (this: BufferPool, buffer) {
      given += 1;
      buffer.fill('}');
      give.call(this, buffer);
    });
    server = await startTestServer();
    const { body } = await server.call('POST', '/api/v1/auth/register/tenant', {
      json: { tenant_name: 'Acme', email: 'a@acme.test', password: 'correct horse' },
    });
    ({ key } = body['api_key'] as { key: string });
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await server.stop();
  });

  it('are stored as they were sent, each of them', async () => {
    const sent: string[] = [];
    const batch = (sender: number, number: number): string => {
      const events = Array.from({ length: EVENTS }, (_, i) => {
        const message = `${String(sender)}-${String(number)}-${String(i)} `.repeat(60);
        sent.push(message);
        // Some are read by bytes and some are parsed, some have an id of their own.
        const extra =
          i % 7 === 0 ? { attributes: { 'ä"': i } } : i % 5 === 0 ? { id: message.slice(0, 12) } : {};
        return { type: 'note', message, ...extra };
      });
      return JSON.stringify(events);
    };
    const send = async (sender: number): Promise<void> => {
      for (let number = 0; number < BATCHES; number += 1) {
        const text = batch(sender, number);
        const zipped = number % 3 === 2;
        const { status } = await server.call('POST', '/api/v1/ingestion/events/batch', {
          as: key,
          body: zipped ? gzipSync(text) : text,
          headers: { 'content-type': 'application/json', ...(zipped && { 'content-encoding': 'gzip' }) },
        });
        expect(status).toBe(200);
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, (_, sender) => send(sender)));
    await server.settled();

    const stored: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await server.call(
        'GET',
        `/api/v1/ingestion/events/search?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        { as: key },
      );
      expect(page.status).toBe(200);
      const { data, next_cursor } = page.body as { data: { message: string }[]; next_cursor: string | null };
      stored.push(...data.map(({ message }) => message));
      cursor = next_cursor;
    }
    expect(stored.sort()).toEqual(sent.sort());
    expect(given).toBeGreaterThanOrEqual(SENDERS * 4);
  });
});
