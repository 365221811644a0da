import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADDRESS_BYTES } from '../../../src/clientids/embedded/holder.js';
import {
  addressAt,
  decodeRun,
  encodeRun,
  ENTRY_BYTES,
  writeEntry,
} from '../../../src/clientids/embedded/run-format.js';
import { Runs } from '../../../src/clientids/embedded/runs.js';
import { toPosition } from '../../../src/eventstore/event-store.js';
import { removeDirectory, temporaryDirectory } from '../../support/embedded-log.js';

let directory = '';
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => removeDirectory(directory));

/** Hashes that are spread as real ones are, and the same at every call. */
const hashOf = (n: number): Uint32Array =>
  Uint32Array.from(
    [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f],
    (factor, i) => Math.imul(n + 1, factor) ^ (Math.imul(n + i, 0x165667b1) >>> 7),
  );

const idOf = (n: number): string => `evt_${n.toString(16).padStart(32, '0')}`;

const entriesOf = (numbers: readonly number[], recorded_at: (n: number) => number): Buffer => {
  const entries = Buffer.alloc(numbers.length * ENTRY_BYTES);
  for (const [i, n] of numbers.entries()) {
    writeEntry(entries, i * ENTRY_BYTES, hashOf(n), 0, recorded_at(n));
    entries.write(idOf(n).slice(4), addressAt(i * ENTRY_BYTES), ADDRESS_BYTES, 'hex');
  }
  return entries;
};
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
const header = (checkpoint: number) => ({ key: [1, 2] as const, checkpoint: toPosition(checkpoint) });

describe('a run', () => {
  it('is read as it was written, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(1e6), { maxLength: 400 }), async (numbers) => {
        const file = await encodeRun([entriesOf(numbers, (n) => n + 1)], header(7), 0);
        const read = decodeRun(file);
        expect(read?.header).toMatchObject({ count: numbers.length, ...header(7) });
        expect(read?.header.newest).toBe(numbers.length > 0 ? Math.max(...numbers) + 1 : 0);
        const rows = (entries: Buffer | undefined): string[] =>
          Array.from({ length: numbers.length }, (_, i) =>
            (entries ?? Buffer.alloc(0)).toString('hex', i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES),
          ).sort();
        expect(rows(read?.entries)).toEqual(rows(entriesOf(numbers, (n) => n + 1)));
      }),
      { numRuns: 50 },
    );
  });

  it('is not read with any bit changed, or cut', async () => {
    const file = await encodeRun([entriesOf(range(0, 3), () => 1)], header(7), 0);
    for (let bit = 0; bit < file.length * 8; bit += 1) {
      const damaged = Buffer.from(file);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeRun(damaged)).toBeUndefined();
    }
    for (let length = 0; length < file.length; length += 1)
      expect(decodeRun(file.subarray(0, length))).toBeUndefined();
  });
});

describe('runs', () => {
  const found = (runs: Runs, n: number, after = 0) => runs.find(hashOf(n), 0, after);

  it('find what was added and nothing else, after they were opened again too', async () => {
    const runs = await Runs.open(directory);
    await runs.add(
      entriesOf(range(0, 5000), (n) => 1000 + n),
      header(1),
      0,
    );
    await runs.add(
      entriesOf(range(5000, 5100), (n) => 1000 + n),
      header(2),
      0,
    );
    const again = await Runs.open(directory);
    for (const opened of [runs, again]) {
      expect([opened.checkpoint, opened.key, opened.count]).toEqual([toPosition(2), [1, 2], 2]);
      for (const n of range(0, 5100))
        expect(found(opened, n)).toEqual({ event_id: idOf(n), recorded_at: 1000 + n });
      for (const n of range(5100, 9000)) expect(found(opened, n)).toBeUndefined();
      expect(found(opened, 200, 1199)).toBeDefined();
      expect(found(opened, 200, 1200)).toBeUndefined();
      opened.close();
    }
  });

  it('stay few: small ones are merged, and what is too old goes, ids and whole runs', async () => {
    const runs = await Runs.open(directory);
    await runs.add(
      entriesOf(range(0, 1000), () => 10),
      header(1),
      0,
    );
    for (let n = 1; n <= 64; n += 1)
      await runs.add(
        entriesOf(range(1000 * n, 1000 * n + 1), () => 100 + n),
        header(1 + n),
        0,
      );
    expect(runs.count).toBeLessThanOrEqual(8);
    for (let n = 1; n <= 64; n += 1) expect(found(runs, 1000 * n)).toBeDefined();
    await runs.add(
      entriesOf([1], () => 200),
      header(100),
      132,
    );
    expect(found(runs, 0)).toBeUndefined();
    expect(found(runs, 64_000)).toBeDefined();
    expect(await readdir(directory)).toHaveLength(runs.count);
    runs.close();
  });

  it('that nothing was added to move their checkpoint', async () => {
    const runs = await Runs.open(directory);
    for (let n = 1; n <= 10; n += 1) await runs.add(Buffer.alloc(0), header(n), 0);
    expect([runs.count, runs.checkpoint]).toEqual([1, toPosition(10)]);
    runs.close();
  });

  it('leave out what a process that ended was writing', async () => {
    const runs = await Runs.open(directory);
    await runs.add(
      entriesOf([1], () => 10),
      header(1),
      0,
    );
    runs.close();
    await writeFile(join(directory, '000000000002.ids.new'), 'half');
    const again = await Runs.open(directory);
    expect([again.count, again.checkpoint]).toEqual([1, toPosition(1)]);
    again.close();
    expect(await readdir(directory)).toEqual(['000000000001.ids']);
  });

  it('are thrown away, all of them, where one is damaged', async () => {
    const runs = await Runs.open(directory);
    await runs.add(
      entriesOf(range(0, 100), () => 10),
      header(1),
      0,
    );
    await runs.add(
      entriesOf([200], () => 10),
      header(2),
      0,
    );
    runs.close();
    const [first = ''] = (await readdir(directory)).sort();
    const bytes = await readFile(join(directory, first));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(join(directory, first), bytes);
    const again = await Runs.open(directory);
    expect([again.count, again.checkpoint, again.key]).toEqual([0, undefined, undefined]);
    expect(await readdir(directory)).toEqual([]);
    await again.add(
      entriesOf([1], () => 10),
      header(1),
      0,
    );
    again.close();
    await appendFile(join(directory, '000000000001.ids'), 'more');
    const third = await Runs.open(directory);
    expect(third.count).toBe(0);
    third.close();
  });
});
