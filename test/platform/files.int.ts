import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { alignedPieces, BLOCK_BYTES } from '../../src/platform/aligned-memory.js';
import { hasErrorCode, systemFiles } from '../../src/platform/files.js';
import { temporaryDirectory } from '../support/embedded-log.js';

const SIZE = 3 * 1024 * 1024 + 777;
const content = Buffer.from(Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >>> 8)) & 0xff));

let directory = '';
let path = '';
beforeAll(async () => {
  directory = await temporaryDirectory();
  path = join(directory, 'file');
  const file = await systemFiles.open(path, 'create');
  await file.write(content, 0);
  await file.flush();
  await file.close();
});
afterAll(() => rm(directory, { recursive: true }));

describe('A file that is scanned', () => {
  it('gives what is in it, from wherever and however much is asked for, behind its end too', async () => {
    const file = await systemFiles.open(path, 'scan');
    await fc.assert(
      fc.asyncProperty(fc.nat(SIZE + 10_000), fc.nat(2 * 1024 * 1024), async (offset, length) => {
        const into = Buffer.alloc(length, 1);
        const due = content.subarray(offset, offset + length);
        expect(await file.read(into, offset)).toBe(due.length);
        expect(into.subarray(0, due.length).equals(due)).toBe(true);
        expect(into.subarray(due.length).every((byte) => byte === 1)).toBe(true);
      }),
    );
    await file.close();
  });

  it('gives it to more readers at once than there is memory to read directly', async () => {
    const file = await systemFiles.open(path, 'scan');
    const reads = Array.from({ length: 12 }, async (_, i) => {
      const into = Buffer.alloc(2 * 1024 * 1024);
      const length = await file.read(into, i * 100_003);
      expect(into.subarray(0, length).equals(content.subarray(i * 100_003, i * 100_003 + length))).toBe(true);
    });
    await Promise.all(reads);
    await file.close();
  });

  it('shows what was written directly, and what was written by way of the page cache', async () => {
    const cached = await systemFiles.open(path, 'write');
    const scanned = await systemFiles.open(path, 'scan');
    const direct = await systemFiles.open(path, 'direct').catch((error: unknown) => {
      if (hasErrorCode(error, 'EINVAL')) return undefined;
      throw error;
    });
    const all = Buffer.from(content);
    const piece = alignedPieces.take() ?? Buffer.alloc(0);
    for (let turn = 0; turn < 6; turn += 1) {
      const at = turn * 5 * BLOCK_BYTES;
      const block = piece.subarray(0, 3 * BLOCK_BYTES).fill(turn + 1);
      const file = turn % 2 === 0 ? (direct ?? cached) : cached;
      await file.write(block, at);
      await file.flush();
      block.copy(all, at);
      for (const reader of [cached, scanned]) {
        const into = Buffer.alloc(SIZE);
        expect(await reader.read(into, 0)).toBe(SIZE);
        expect(into.equals(all)).toBe(true);
      }
    }
    alignedPieces.give(piece);
    for (const file of [cached, scanned, direct]) await file?.close();
  });
});
