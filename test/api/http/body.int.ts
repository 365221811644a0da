import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { compress } from '@cloudpss/zstd';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { readBody, type BodyOutcome } from '../../../src/api/http/body.js';

const limits = { received: 1000, decompressed: 4000 };
const text = 'pulse '.repeat(100);
const zstdSync = (bytes: string | Buffer): Buffer => Buffer.from(compress(Buffer.from(bytes)));
let server: Server;
let outcome: BodyOutcome | undefined;
/** Bytes of the body that had been taken in when it was decided. */
let taken = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    taken = 0;
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null) => {
      taken += chunk?.length ?? 0;
      return push(chunk);
    };
    Promise.resolve(readBody({ headers: request.headers, body: request }, limits)).then(
      (result) => {
        outcome = result;
        request.resume();
        response.end();
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

const send = (body: Buffer, headers: Record<string, string>): Promise<BodyOutcome | undefined> =>
  new Promise((resolve, reject) => {
    const { port } = server.address() as AddressInfo;
    const request = httpRequest({ port, method: 'POST', headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve(outcome));
    });
    request.on('error', reject);
    request.end(body);
  });

const statusOf = (result: BodyOutcome | undefined): number | undefined =>
  result && !result.ok ? result.problem.status : undefined;

describe('reading a body', () => {
  it.each([
    ['identity', Buffer.from(text)],
    ['gzip', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['zstd', zstdSync(text)],
  ])('takes %s', async (encoding, bytes) => {
    expect(await send(bytes, { 'content-encoding': encoding })).toEqual({
      ok: true,
      body: Buffer.from(text),
    });
  });

  it('refuses a body by its announced length before it reads any of it', async () => {
    const result = await send(Buffer.alloc(100_000), { 'content-length': '100000' });
    expect(statusOf(result)).toBe(413);
  });

  it('refuses a body of unknown length as soon as it is too long', async () => {
    expect(statusOf(await send(Buffer.alloc(50_000), { 'transfer-encoding': 'chunked' }))).toBe(413);
    expect(taken).toBeGreaterThan(0);
  });

  it('takes exactly as many bytes as are allowed', async () => {
    expect(await send(Buffer.alloc(4000, 'a'), {})).toMatchObject({ ok: true });
    expect(statusOf(await send(Buffer.alloc(4001, 'a'), {}))).toBe(413);
    expect(await send(gzipSync(Buffer.alloc(4000, 'a')), { 'content-encoding': 'gzip' })).toMatchObject({
      ok: true,
    });
  });

  it.each(['gzip', 'br', 'deflate', 'zstd'])(
    'stops inflating a bomb of %s at the limit',
    async (encoding) => {
      const zeros = Buffer.alloc(500_000);
      const bomb = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdSync }[
        encoding
      ]!(zeros);
      expect(bomb.length).toBeLessThan(limits.received);
      expect(statusOf(await send(bomb, { 'content-encoding': encoding }))).toBe(413);
    },
  );

  it('refuses what does not decompress', async () => {
    expect(statusOf(await send(Buffer.from('no gzip'), { 'content-encoding': 'gzip' }))).toBe(400);
    expect(statusOf(await send(gzipSync(text).subarray(0, 20), { 'content-encoding': 'gzip' }))).toBe(400);
  });

  it.each(['gzip, gzip', 'lzma', '__proto__', 'constructor'])('refuses the encoding %s', async (encoding) => {
    const result = await send(Buffer.from(text), { 'content-encoding': encoding });
    expect(statusOf(result)).toBe(415);
    expect(result).toMatchObject({ problem: { headers: { 'Accept-Encoding': 'gzip, deflate, br, zstd' } } });
  });
});
