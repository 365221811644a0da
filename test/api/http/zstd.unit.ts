import { compress as compressed } from '@cloudpss/zstd';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { unzstd } from '../../../src/api/http/zstd.js';

const compress = (bytes: Buffer, level?: number): Buffer => Buffer.from(compressed(bytes, level));
const LIMIT = 4 * 1024 * 1024;

/**
 * What the `zstd` command (1.5.4) wrote. Made with
 *   printf '[{"type":"a","message":"one"},{"type":"a","message":"one"},{"type":"a","message":"one"}]' > s.json
 *   zstd -3 s.json · zstd -c -19 --no-check < s.json · (printf '[{"type":"a"},' | zstd -c; printf '{"type":"b"}]' | zstd -c)
 *   zstd -c -19 of forty events whose messages are n · 2654435761 mod 2^32
 */
const one = { type: 'a', message: 'one' };
const written = [
  [
    'with size and checksum',
    'KLUv/SRYJQEA2Ft7InR5cGUiOiJhIiwibWVzc2Fnb25lIn0sXQIABuqKWCcTIJUqHg==',
    [one, one, one],
  ],
  [
    'of a stream, without either',
    'KLUv/QBoNQEA+Ft7InR5cGUiOiJhIiwibWVzc2FnZSI6Im9uZSJ9LF0BABqcygk=',
    [one, one, one],
  ],
  [
    'of two frames',
    'KLUv/QRYcQAAW3sidHlwZSI6ImEifSz1sFfVKLUv/QRYaQAAeyJ0eXBlIjoiYiJ9XaPHl/Y=',
    [{ type: 'a' }, { type: 'b' }],
  ],
  [
    'of digits',
    'KLUv/QRohQgAZpk3FLCbDuQbEhNXhnBLKVOSKXnBHY4HPAAsAC0Aux1S2WgLGc25mUTArD4cKi0UNAwOVbX096REdbF9XBGfAAIPAYFgsLBwkBAA' +
      'IBBgEAAwEHCg0MAQ4EAQK0UadD1T0vGMnH9+1HmitG8n8mUQTZ81Eg+yEM1cLiqiVEq1ZaZeU3hCiXqN1uTVD8dT0W1ExAhHTS6aLNS3FtxXH7fc' +
      'ICFLirbozaJU3KDQP7ESr8HqiwIFDwEe10xFYtsqFLScQsKpED0kJlYTasWG5DN8tyaNqY84vqftvIorneH9ZTkBKKgR3BAwEErfNyC5dBE0BP/f' +
      'ENwXA4AoPcBifGYMg8fntdDh35RqS5ASyQIDkCqvg+eu',
    Array.from({ length: 40 }, (_, n) => ({ type: 'a', message: String((n * 2654435761) % 2 ** 32) })),
  ],
] as const;

const little = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};
const MAGIC = little(0xfd2fb528, 4);
const KIB = 1024;
/** A window of 2 MiB, and no size. */
const streamed = Buffer.concat([MAGIC, Buffer.from([0x00, 11 << 3])]);
const block = (type: 'raw' | 'run', size: number, last: boolean): Buffer =>
  Buffer.concat([
    little((size << 3) | ((type === 'run' ? 1 : 0) << 1) | Number(last), 3),
    Buffer.alloc(type === 'run' ? 1 : size, 'a'),
  ]);
/** A frame of so many blocks of 128 KiB, each of them four bytes. */
const bomb = (header: Buffer, blocks: number): Buffer =>
  Buffer.concat([
    header,
    ...Array.from({ length: blocks }, (_, n) => block('run', 128 * KIB, n === blocks - 1)),
  ]);

describe('decompressing zstd', () => {
  it.each(written)('reads what the command wrote: %s', async (_, base64, events) => {
    const bytes = Buffer.from(base64, 'base64');
    const result = await unzstd(bytes, LIMIT);
    expect(result.outcome === 'decompressed' && JSON.parse(result.body.toString())).toEqual(events);
    for (let length = 1; length < bytes.length; length += 1) {
      const cut = await unzstd(bytes.subarray(0, length), LIMIT);
      // Between two frames the first is a body of its own.
      if (cut.outcome === 'decompressed') expect(() => JSON.parse(cut.body.toString()) as unknown).toThrow();
    }
  });

  it('reads frames of any size, one after another, with others to be skipped between them', async () => {
    const part = fc.oneof(
      fc.record({ text: fc.string({ maxLength: 200 }), times: fc.nat(3000) }),
      fc.uint8Array({ maxLength: 300 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), async (parts) => {
        const plain = parts.map((one) => Buffer.from('text' in one ? one.text.repeat(one.times) : one));
        const skipped = Buffer.concat([little(0x184d2a57, 4), little(5, 4), Buffer.alloc(5, 0xff)]);
        const body = Buffer.concat(plain.flatMap((one) => [compress(one), skipped]));
        expect(await unzstd(body, LIMIT)).toEqual({ outcome: 'decompressed', body: Buffer.concat(plain) });
      }),
      { numRuns: 60 },
    );
  });

  it('takes exactly as many bytes as are allowed, whether the frame says how many they are or not', async () => {
    const said = compress(Buffer.alloc(1000, 'a'));
    const unsaid = Buffer.concat([streamed, block('run', 600, false), block('raw', 400, true)]);
    for (const bytes of [said, unsaid]) {
      expect(await unzstd(bytes, 1000)).toEqual({ outcome: 'decompressed', body: Buffer.alloc(1000, 'a') });
      expect(await unzstd(bytes, 999)).toEqual({ outcome: 'too_large' });
    }
  });

  it('decompresses more than its blocks might come to, where they do not', async () => {
    const blocks = Array.from({ length: 100 }, (_, n) => block('raw', 10, n === 99));
    const body = Buffer.alloc(1000, 'a');
    expect(await unzstd(Buffer.concat([streamed, ...blocks]), 1000)).toEqual({
      outcome: 'decompressed',
      body,
    });
  });

  it('stops at the limit: bombs by their headers, others while they are decompressed', async () => {
    // 400 KB that would be 12.5 GiB.
    expect(await unzstd(bomb(streamed, 100_000), LIMIT)).toEqual({ outcome: 'too_large' });
    // Says that it is small, and that it is 2^60 bytes.
    const small = Buffer.concat([MAGIC, Buffer.from([0x80, 11 << 3]), little(1000, 4)]);
    expect(await unzstd(bomb(small, 100_000), LIMIT)).toEqual({ outcome: 'undecodable' });
    const huge = Buffer.concat([MAGIC, Buffer.from([0xc0, 11 << 3]), Buffer.from('0000000000000010', 'hex')]);
    expect(await unzstd(bomb(huge, 1), LIMIT)).toEqual({ outcome: 'too_large' });
    // Compressed blocks do not say what they come to: the same frame without its size.
    const sized = Buffer.from(compress(Buffer.alloc(64 * LIMIT, 'pulse'), 1));
    const blocks = sized.subarray(4 + 1 + 1 + 4);
    expect(sized[4]).toBe(0x80 | 0);
    const unsized = Buffer.concat([MAGIC, Buffer.from([0x00, sized[5] ?? 0]), blocks]);
    expect(await unzstd(unsized, 65 * LIMIT)).toMatchObject({ outcome: 'decompressed' });
    const before = process.memoryUsage().arrayBuffers;
    expect(await unzstd(unsized, LIMIT)).toEqual({ outcome: 'too_large' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * LIMIT);
  });

  it('does not make room for windows beyond 8 MiB', async () => {
    const wide = Buffer.concat([MAGIC, Buffer.from([0x00, 14 << 3]), block('raw', 5, true)]);
    expect(await unzstd(wide, LIMIT)).toEqual({ outcome: 'undecodable' });
    const allowed = Buffer.concat([MAGIC, Buffer.from([0x00, 13 << 3]), block('raw', 5, true)]);
    expect(await unzstd(allowed, LIMIT)).toMatchObject({ outcome: 'decompressed' });
  });

  it('gives an answer to anything', async () => {
    const seeds = written.map(([, base64]) => Buffer.from(base64, 'base64'));
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...seeds), damage, async (seed, bytes) => {
        const body = Buffer.from(seed);
        for (const [at, byte] of bytes) body[at % body.length] = byte;
        const result = await unzstd(body, LIMIT);
        expect(['decompressed', 'too_large', 'undecodable']).toContain(result.outcome);
        if (result.outcome === 'decompressed') expect(result.body.length).toBeLessThanOrEqual(LIMIT);
      }),
      { numRuns: 2000 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        const body = Buffer.concat([streamed, bytes]);
        expect((await unzstd(body, LIMIT)).outcome).not.toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});
