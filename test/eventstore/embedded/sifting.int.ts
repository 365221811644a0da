import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ChunkHeader } from '../../../src/domain/telemetry/chunk-header.js';
import type { Sought } from '../../../src/domain/telemetry/query/sift.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import {
  START,
  type ChunkPlace,
  type NewEvent,
  type SiftedChunk,
} from '../../../src/eventstore/event-store.js';
import { siftByReading } from '../../../src/eventstore/sift.js';
import { compile, type Compiled } from '../../support/compiled.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../../support/embedded-log.js';
import { seededRandom } from '../../support/faulty-files.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { seen } from '../../support/sealable-log.js';

const KIB = 1024;
const sizes = { segmentBytes: 256 * KIB, maxAppendBytes: 64 * KIB };
const STREAMS = ['telemetry-a', 'telemetry-b'];
const SEGMENTS = 4;

let program: Compiled;
let directory = '';
beforeAll(async () => {
  program = await compile('src/platform', 'src/domain', 'src/eventstore');
});
afterAll(() => program.remove());

const open = (sifting?: URL): Promise<EmbeddedEventStore> =>
  EmbeddedEventStore.open(directory, { ...smallLog, ...sizes, ...(sifting && { sifting }) });
const inThreads = (): Promise<EmbeddedEventStore> => open(program.url('src/eventstore/embedded/sift-worker'));

const sought = (text: string): Sought => ({
  query: { kind: 'mentions', text },
  from: -Infinity,
  to: Infinity,
  limit: 5,
});

/** Chunks of two streams over some segments, in commits of several, and how to find them: the newest first. */
const fill = async (log: EmbeddedEventStore): Promise<ChunkPlace[]> => {
  const random = seededRandom(3);
  const event = eventFactory();
  const places: ChunkPlace[] = [];
  const next = new Map<string, number>();
  const chunk = (): NewEvent => {
    const lines = Array.from({ length: 1 + Math.floor(random() * 80) }, (_, n) =>
      JSON.stringify({
        type: 'api_call',
        message: random() < 0.02 ? 'A quokka passed' : `nothing ${n}`,
        trace_id: Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256))).toString('hex'),
      }),
    );
    const { metadata, ...rest } = event.binary(Buffer.from(lines.join('\n')));
    const header: ChunkHeader = {
      ...{ codec: 'ndjson' as const, count: lines.length, min_time: 1, max_time: 1 },
      ...{ received_at: 1, producer: 'test', first_sequence: 0 },
    };
    return { ...rest, metadata: { ...metadata, chunk: header } };
  };
  const append = async (name: string): Promise<void> => {
    const first = next.get(name) ?? 0;
    const chunks: [NewEvent, ...NewEvent[]] = [chunk()];
    while (random() < 0.5) chunks.push(chunk());
    next.set(name, first + chunks.length);
    await log.append(stream(name), first === 0 ? 'none' : revision(first - 1), chunks);
    chunks.forEach(({ id }, i) =>
      places.push({ chunk: id, stream: stream(name), revision: revision(first + i) }),
    );
  };
  while ((await log.stat()).segments < SEGMENTS) await Promise.all(STREAMS.map(append));
  return places.reverse();
};

let places: ChunkPlace[];
beforeEach(async () => {
  directory = await temporaryDirectory();
  await EmbeddedEventStore.initialise(directory, { ...smallLog, ...sizes });
  const log = await open();
  places = await fill(log);
  await log.close();
});
afterEach(() => removeDirectory(directory));

/** What it costs differs with the form, and so does whether a chunk that holds nothing is read. */
const found = (sifted: readonly (SiftedChunk | undefined)[]): unknown =>
  sifted.map((one) => one && one.numbers.length > 0 && { ...one, price: 0 }).map((one) => one || undefined);

const one_by_one = async (log: EmbeddedEventStore, text: string): Promise<unknown> =>
  found(await siftByReading(log, places, sought(text)));

describe('An embedded log that is searched', () => {
  it.each([
    ['here', open],
    ['in threads', inThreads],
  ] as const)(
    'finds %s what reading finds, before, while and after segments are sealed',
    async (_, start) => {
      const log = await start();
      const trace = JSON.parse(
        (await siftByReading(log, places.slice(7, 8), { ...sought(''), limit: 1 }))[0]?.texts[0] ?? '',
      ) as { trace_id: string };
      const words = ['quokka', 'absent', 'NOTHING 3', trace.trace_id, trace.trace_id.slice(3, 12)];
      const right = await Promise.all(words.map((word) => one_by_one(log, word)));
      const check = async (): Promise<void> => {
        for (const [i, word] of words.entries())
          expect(found(await log.sift(places, sought(word)))).toEqual(right[i]);
      };
      await check();
      const sealing = log.seal();
      await check();
      expect((await sealing).segments).toBe(SEGMENTS - 1);
      await check();
      await log.close();
    },
  );

  describe('with sealed segments', () => {
    const filters = (): string => join(directory, 'index', 'text-filters');
    let log: EmbeddedEventStore;
    let right: unknown;
    beforeEach(async () => {
      log = await open();
      right = await one_by_one(log, 'quokka');
      await log.seal();
    });
    afterEach(() => log.close());

    /** How many chunks are not read for a word that none of them has. */
    const skipped = async (): Promise<number> => {
      const sifted = await log.sift(places, sought('zymurgical'));
      return sifted.filter((one) => one === undefined).length;
    };

    it('reads nothing of them for a word that they do not have', async () => {
      expect(await readdir(filters())).toHaveLength(SEGMENTS - 1);
      expect(await skipped()).toBeGreaterThan(places.length / 2);
      expect(found(await log.sift(places, sought('quokka')))).toEqual(right);
    });

    it.each([
      ['are missing', () => rm(filters(), { recursive: true })],
      [
        'are damaged',
        () => changeEach((bytes) => Buffer.concat([bytes.subarray(0, 50), bytes.subarray(51)])),
      ],
      ['are those of another log', () => changeEach(ofOtherLog)],
      ['were made for a form that never came', () => changeEach(ofOtherForm)],
      ['are of a version to come', () => changeEach(ofOtherVersion)],
      ['are empty', () => changeEach(() => Buffer.alloc(0))],
    ])('makes the filters again where they %s', async (_, spoil) => {
      const before = await skipped();
      await spoil();
      expect(found(await log.sift(places, sought('quokka')))).toEqual(right);
      expect(await readdir(filters())).toHaveLength(SEGMENTS - 1);
      expect(await skipped()).toBe(before);
    });

    it('searches all the same where they cannot be written', async () => {
      await rm(filters(), { recursive: true });
      await writeFile(filters(), '');
      expect(found(await log.sift(places, sought('quokka')))).toEqual(right);
    });

    const changeEach = async (change: (bytes: Buffer) => Buffer): Promise<void> => {
      for (const name of await readdir(filters())) {
        const path = join(filters(), name);
        await writeFile(path, change(await readFile(path)));
      }
    };
    /** With one byte other, and a checksum that is right. */
    const withByte = (bytes: Buffer, at: number, value: number): Buffer => {
      const changed = Buffer.from(bytes);
      changed[at] = value;
      changed.writeUInt32LE(crc32(changed.subarray(0, -4)), changed.length - 4);
      return changed;
    };
    // As if a directory had come back in which other records have these numbers, that say other words.
    const ofOtherLog = (bytes: Buffer): Buffer => withByte(bytes, 5, (bytes[5] ?? 0) ^ 1);
    const ofOtherForm = (bytes: Buffer): Buffer => withByte(bytes, 37, 1);
    const ofOtherVersion = (bytes: Buffer): Buffer => withByte(bytes, 4, 3);
  });

  it('does not show what a truncation hides', async () => {
    const log = await inThreads();
    await log.truncate(stream('telemetry-a'), revision(5));
    const sifted = await log.sift(places, sought('nothing'));
    for (const [i, place] of places.entries())
      expect([place.stream, place.revision, sifted[i] === undefined]).toEqual([
        place.stream,
        place.revision,
        place.stream === 'telemetry-a' && place.revision < 5,
      ]);
    await log.close();
  });

  it('fails the search whose thread dies, and nothing else', async () => {
    const log = await open(await program.add('dies', 'process.exit(3);'));
    await expect(log.sift(places.slice(0, 1), sought('quokka'))).rejects.toThrow(/thread ended/);
    for await (const batch of log.readAll(START)) expect(batch.events.map(seen)).not.toEqual([]);
    await log.close();
  });
});
