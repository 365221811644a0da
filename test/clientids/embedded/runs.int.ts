import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HASH_WORDS } from '../../../src/clientids/embedded/hash.js';
import { ADDRESS_BYTES } from '../../../src/clientids/embedded/holder.js';
import { HOLDER, ID_WORDS, PLACE, type RecentIds } from '../../../src/clientids/embedded/id-table.js';
import { decodeRun, encodeRun, ENTRY_BYTES, entriesOf } from '../../../src/clientids/embedded/run-format.js';
import { runFiles, type RunFiles } from '../../../src/clientids/embedded/run-files.js';
import { RunThread } from '../../../src/clientids/embedded/run-thread.js';
import { Runs } from '../../../src/clientids/embedded/runs.js';
import { toPosition } from '../../../src/eventstore/event-store.js';
import { compile, type Compiled } from '../../support/compiled.js';
import { removeDirectory, temporaryDirectory } from '../../support/embedded-log.js';

let compiled: Compiled;
beforeAll(async () => {
  compiled = await compile('src/platform', 'src/domain', 'src/clientids');
});
afterAll(() => compiled.remove());

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

/** Ids of two holders by turns: the one's events are stored as the address says, the other's not at all. */
const recentOf = (numbers: readonly number[], recorded_at: (n: number) => number): RecentIds => {
  const recent = {
    ids: new Uint32Array(new SharedArrayBuffer(numbers.length * 2 * ID_WORDS * 4)),
    recorded: new Float64Array(numbers.length + 1),
    addresses: Buffer.alloc((numbers.length + 1) * ADDRESS_BYTES),
  };
  for (const [i, n] of numbers.entries()) {
    const holder = i + 1;
    recent.recorded[holder - 1] = recorded_at(n);
    recent.addresses.write(idOf(n - (n % 16)).slice(4), i * ADDRESS_BYTES, 'hex');
    const at = i * 2 * ID_WORDS;
    recent.ids.set(hashOf(n), at);
    recent.ids[at + HOLDER] = holder;
    recent.ids[at + PLACE] = n % 16;
    recent.ids.set(hashOf(-1 - n), at + ID_WORDS);
    recent.ids[at + ID_WORDS + HOLDER] = numbers.length + 1;
  }
  return recent;
};
/** An id as a run has it: hash, address and time of recording, all but the address little-endian. */
const entryOf = (n: number, recorded_at: number): string => {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  for (const [i, word] of hashOf(n).entries()) bytes.writeUInt32LE(word, i * 4);
  bytes.write(idOf(n).slice(4), HASH_WORDS * 4, 'hex');
  bytes.writeUIntLE(recorded_at, HASH_WORDS * 4 + ADDRESS_BYTES, 6);
  return bytes.toString('hex');
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
const header = (checkpoint: number) => ({ key: [1, 2] as const, checkpoint: toPosition(checkpoint) });

describe('a run', () => {
  it('is read as it was written, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1e6), { maxLength: 400 }), (numbers) => {
        const entries = entriesOf(
          recentOf(numbers, (n) => n + 1),
          0,
        );
        const { file, ...made } = encodeRun([entries], header(7), 0);
        const read = decodeRun(file);
        expect(read).toEqual(made);
        expect(read?.header).toMatchObject({ count: numbers.length, ...header(7) });
        expect(read?.header.newest).toBe(numbers.length > 0 ? Math.max(...numbers) + 1 : 0);
        const rows = (bytes: Buffer | undefined): string[] =>
          Array.from({ length: numbers.length }, (_, i) =>
            (bytes ?? Buffer.alloc(0)).toString('hex', i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES),
          ).sort();
        expect(rows(read?.entries)).toEqual(rows(entries));
        expect(rows(entries)).toEqual(numbers.map((n) => entryOf(n, n + 1)).sort());
      }),
      { numRuns: 50 },
    );
  });

  it('is not read with any bit changed, or cut', () => {
    const recent = recentOf(range(0, 3), () => 1);
    const { file } = encodeRun([entriesOf(recent, 0)], header(7), 0);
    for (let bit = 0; bit < file.length * 8; bit += 1) {
      const damaged = Buffer.from(file);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeRun(damaged)).toBeUndefined();
    }
    for (let length = 0; length < file.length; length += 1)
      expect(decodeRun(file.subarray(0, length))).toBeUndefined();
  });
});

describe('few ids', () => {
  it('need no thread', async () => {
    const files = new RunThread(new URL('file:///nowhere/run-worker.js'), 100);
    const runs = await Runs.open(directory, files);
    await runs.add(
      recentOf(range(0, 40), () => 10),
      header(1),
      0,
    );
    await runs.add(
      recentOf([], () => 0),
      header(2),
      0,
    );
    runs.close();
    const again = await Runs.open(directory, files);
    expect(again.checkpoint).toEqual(toPosition(2));
    const many = recentOf(range(100, 200), () => 10);
    await expect(again.add(many, header(3), 0)).rejects.toThrow('A thread ended before it was done.');
    again.close();
  });
});

describe.each<[string, () => RunFiles & { close?: () => Promise<void> }]>([
  ['runs', () => runFiles],
  ['runs that a thread makes', () => new RunThread(compiled.url('src/clientids/embedded/run-worker'), 0)],
])('%s', (_, open) => {
  let files: ReturnType<typeof open> = runFiles;
  beforeAll(() => {
    files = open();
  });
  afterAll(() => files.close?.());
  const found = (runs: Runs, n: number, after = 0) => runs.find(hashOf(n), 0, after);

  it('find what was added and nothing else, after they were opened again too', async () => {
    const runs = await Runs.open(directory, files);
    await runs.add(
      recentOf(range(0, 5000), (n) => 1000 + n),
      header(1),
      0,
    );
    await runs.add(
      recentOf(range(5000, 5100), (n) => 1000 + n),
      header(2),
      0,
    );
    const again = await Runs.open(directory, files);
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
    const runs = await Runs.open(directory, files);
    await runs.add(
      recentOf(range(0, 1000), () => 10),
      header(1),
      0,
    );
    for (let n = 1; n <= 64; n += 1)
      await runs.add(
        recentOf(range(1000 * n, 1000 * n + 1), () => 100 + n),
        header(1 + n),
        0,
      );
    expect(runs.count).toBeLessThanOrEqual(8);
    for (let n = 1; n <= 64; n += 1) expect(found(runs, 1000 * n)).toBeDefined();
    await runs.add(
      recentOf([1], () => 200),
      header(100),
      132,
    );
    expect(found(runs, 0)).toBeUndefined();
    expect(found(runs, 64_000)).toBeDefined();
    expect(await readdir(directory)).toHaveLength(runs.count);
    runs.close();
  });

  it('that nothing was added to move their checkpoint', async () => {
    const runs = await Runs.open(directory, files);
    for (let n = 1; n <= 10; n += 1)
      await runs.add(
        recentOf([], () => 0),
        header(n),
        0,
      );
    expect([runs.count, runs.checkpoint]).toEqual([1, toPosition(10)]);
    runs.close();
  });

  it('leave out what a process that ended was writing', async () => {
    const runs = await Runs.open(directory, files);
    await runs.add(
      recentOf([1], () => 10),
      header(1),
      0,
    );
    runs.close();
    await writeFile(join(directory, '000000000002.ids.new'), 'half');
    const again = await Runs.open(directory, files);
    expect([again.count, again.checkpoint]).toEqual([1, toPosition(1)]);
    again.close();
    expect(await readdir(directory)).toEqual(['000000000001.ids']);
  });

  it('are thrown away, all of them, where one is damaged', async () => {
    const runs = await Runs.open(directory, files);
    await runs.add(
      recentOf(range(0, 100), () => 10),
      header(1),
      0,
    );
    await runs.add(
      recentOf([200], () => 10),
      header(2),
      0,
    );
    runs.close();
    const [first = ''] = (await readdir(directory)).sort();
    const bytes = await readFile(join(directory, first));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(join(directory, first), bytes);
    const again = await Runs.open(directory, files);
    expect([again.count, again.checkpoint, again.key]).toEqual([0, undefined, undefined]);
    expect(await readdir(directory)).toEqual([]);
    await again.add(
      recentOf([1], () => 10),
      header(1),
      0,
    );
    again.close();
    await appendFile(join(directory, '000000000001.ids'), 'more');
    const third = await Runs.open(directory, files);
    expect(third.count).toBe(0);
    third.close();
  });
});
