import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { writeEvent } from '../../../packages/client/src/event.js';
import { looksSecret, MASK, maskText } from '../../../packages/client/src/secrets.js';
import type { TelemetryEvent } from '../../../packages/client/src/index.js';
import { readBatch } from '../../../src/commands/ingest/read-events.js';
import { call, world } from './world.js';

const NOW = Date.UTC(2025, 0, 1);

const write = (event: unknown): Record<string, unknown> | string => {
  const written = writeEvent(event as TelemetryEvent, { service: 'shop' }, NOW, looksSecret);
  return typeof written === 'string' ? written : (JSON.parse(written.line) as Record<string, unknown>);
};

describe('an event as it is sent', () => {
  const fields = [
    'id',
    'timestamp',
    'service',
    'environment',
    'region',
    'method',
    'route',
    'path',
    'status_code',
    'duration_ms',
    'weight',
    'sample_rate',
    'durations',
    'request_bytes',
    'response_bytes',
    'user_id',
    'consumer',
    'trace_id',
    'span_id',
    'severity',
    'message',
    'attributes',
    'unknown',
  ];
  const text = fc.string({ unit: 'binary', maxLength: 700, size: 'max' });
  const anything = fc.oneof(
    text,
    fc.double(),
    fc.integer(),
    fc.anything({ maxDepth: 2 }),
    fc.constantFrom(0.5, 1, 2, 1e9, 1e-9),
    fc.record({
      values: fc.array(fc.double({ min: -1, max: 1e3 }), { maxLength: 3 }),
      counts: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    }),
    fc.dictionary(fc.string(), fc.anything({ maxDepth: 1 }), { maxKeys: 80 }),
  );
  const time = fc.oneof(
    fc.date({ max: new Date(NOW), noInvalidDate: true }).map((date) => date.toISOString()),
    anything,
  );
  const event = fc
    .tuple(fc.dictionary(fc.constantFrom(...fields), anything), time)
    .map(([given, timestamp]): unknown => ({
      ...given,
      // A time ahead of the server's is one that only the server can judge.
      timestamp: typeof timestamp === 'number' && timestamp > NOW ? NOW : timestamp,
      type: 'api_call',
    }));

  it('is one that the server takes, whatever it was made of', () =>
    fc.assert(
      fc.property(event, (given) => {
        const written = writeEvent(given as TelemetryEvent, { service: 'shop' }, NOW, looksSecret);
        if (typeof written === 'string') throw new Error(written);
        expect(written.line).not.toContain('\n');
        expect(written.bytes).toBe(Buffer.byteLength(written.line));
        const read = readBatch(Buffer.from(written.line), 'ndjson', { events: 1, now: NOW });
        expect(read).toMatchObject({ ok: true, rejected: [] });
      }),
      { numRuns: 300, seed: 11 },
    ));

  it('keeps what it may say, and cuts what is too long between characters', () => {
    const full = {
      ...call(1),
      id: 'a',
      timestamp: '2025-01-01T00:00:00Z',
      service: 'other',
      duration_ms: 1.25,
      attributes: { plan: 'free', retries: 0, cached: false, none: null },
    };
    expect(write(full)).toEqual(full);
    expect(write({ type: 'note', route: 'x'.repeat(511) + '😀' })).toMatchObject({ route: 'x'.repeat(511) });
  });

  it('is none without a type, or beyond the size of events', () => {
    expect(write({ path: '/' })).toBe('invalid');
    expect(write({ type: 'Not a type' })).toBe('invalid');
    const attributes = Object.fromEntries(
      Array.from({ length: 64 }, (_, n) => [`a${String(n)}`, '€'.repeat(8192)]),
    );
    expect(write({ type: 'note', attributes })).toBe('too_large');
  });

  it('is a snapshot: what its maker does to it later changes nothing', async () => {
    const { client, api } = world();
    const mutable = { ...call(1), attributes: { step: 'one' } };
    client.record(mutable);
    mutable.attributes.step = 'two';
    await client.flush();
    expect(api.stored[0]).toContain('"one"');
  });
});

describe('recording', () => {
  const hostile: readonly unknown[] = [
    undefined,
    null,
    7,
    { type: 7 },
    {
      get type(): string {
        throw new Error('no');
      },
    },
    {
      type: 'note',
      attributes: new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      ),
    },
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    ),
  ];

  it.each(hostile.map((event, index) => [index, event] as const))(
    'does not throw for what is no event, and counts it: %d',
    (_, event) => {
      const { client } = world();
      expect(() => client.record(event as TelemetryEvent)).not.toThrow();
      expect(client.stats()).toMatchObject({ queued: 0, dropped: { invalid: 1 } });
    },
  );

  it('does not throw where the rule for secrets does', () => {
    const { client } = world({
      isSecret: () => {
        throw new Error('no');
      },
    });
    client.record({ ...call(), attributes: { a: 'b' } });
    expect(client.stats().dropped).toEqual({ invalid: 1 });
  });
});

describe('secrets', () => {
  const secret = [
    'token',
    'access_token',
    'refreshToken',
    'X-Amz-Signature',
    'sig',
    'api_key',
    'apiKey',
    'APIKEY',
    'key',
    'password',
    'user_password',
    'passwd',
    'Authorization',
    'cookie',
    'Set-Cookie',
    'client_secret',
    'jwt',
    'sessionid',
    'auth',
    'X-Api-Key',
    'privateKey',
    'AWSAccessKeyId',
    'pass%77ord',
    'credentials',
  ];
  const plain = [
    'page',
    'author',
    'plan',
    'compass',
    'signal',
    'user',
    'spin',
    'design',
    'q',
    'status',
    'keyword',
  ];

  it.each(secret)('are masked by their name: %s', (name) => expect(looksSecret(name)).toBe(true));
  it.each(plain)('are not seen where there are none: %s', (name) => expect(looksSecret(name)).toBe(false));

  it('are masked in attributes, and in addresses wherever they stand', () => {
    expect(
      write({
        type: 'error',
        path: '/callback?page=2&access_token=abc.def&x=1#id_token=ghi',
        message: 'GET https://ada:hunter2@example.com/a?signature=s%2Fs failed',
        attributes: { api_key: 'k', referer: 'https://example.com/?token=t', page: 2, cookie: 7 },
      }),
    ).toMatchObject({
      path: `/callback?page=2&access_token=${MASK}&x=1#id_token=${MASK}`,
      message: `GET https://${MASK}@example.com/a?signature=${MASK} failed`,
      attributes: { api_key: MASK, referer: `https://example.com/?token=${MASK}`, page: 2, cookie: MASK },
    });
  });

  it('never get through in a query, whatever stands around them', () => {
    const word = fc.stringMatching(/^[a-z0-9%+._-]{1,12}$/);
    const pair = fc.tuple(fc.oneof(word, fc.constantFrom(...secret)), word);
    fc.assert(
      fc.property(
        fc.array(pair, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('&', ';'),
        (pairs, mark) => {
          const query = (hide: boolean): string =>
            `/p?${pairs.map(([name, value]) => `${name}=${hide && looksSecret(name) ? MASK : value}`).join(mark)}`;
          expect(maskText(query(false), looksSecret)).toBe(query(true));
        },
      ),
      { numRuns: 500, seed: 3 },
    );
  });

  it('are what a rule of one’s own says', async () => {
    const { client, api } = world({ isSecret: (name) => name === 'plan' });
    client.record({ ...call(), attributes: { plan: 'x', token: 'y' } });
    await client.flush();
    expect(JSON.parse(api.stored[0] ?? '')).toMatchObject({ attributes: { plan: MASK, token: 'y' } });
  });

  it('are looked for in time that grows with the text only', () => {
    for (const piece of ['?a', '&', '=a', '://', '?a=', '://a', '#a&b'])
      expect(maskText(piece.repeat(200_000) + '=@', looksSecret).length).toBeGreaterThan(0);
  });
});
