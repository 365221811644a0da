import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { SegmentFile } from '../../../src/eventstore/embedded/segment-file.js';
import { BLOCK_BYTES } from '../../../src/platform/aligned-memory.js';
import { errorWithCode, FaultyFiles, insideWrite } from '../../support/faulty-files.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { allEvents, DIRECTORY, newSimulatedLog, simulated } from '../../support/simulated-log.js';

const PATH = '/data/log/segment';

const contentOf = (files: FaultyFiles, path = PATH): Buffer =>
  files.state.inodes.get(files.state.names.get(path) ?? 0)?.seen ?? Buffer.alloc(0);

const newFile = async (direct: FaultyFiles['direct']) => {
  const files = new FaultyFiles();
  files.direct = direct;
  const file = await SegmentFile.over(await files.open(PATH, 'create'), files, PATH, 0);
  return { files, file };
};

const bytes = (length: number, from: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => 1 + ((from + i) % 251)));

const withoutZeros = (content: Buffer): Buffer => {
  const end = content.findLastIndex((byte) => byte !== 0) + 1;
  return content.subarray(0, end);
};

/** Appends parts of these lengths one after another, and gives all that was appended. */
const appendAll = async (file: SegmentFile, appends: readonly (readonly number[])[]): Promise<Buffer> => {
  let given = Buffer.alloc(0);
  for (const lengths of appends) {
    const parts = lengths.map((length, i) => bytes(length, given.length + i));
    await file.append(parts, given.length);
    await file.flush();
    given = Buffer.concat([given, ...parts]);
  }
  return given;
};

describe('A segment that is written past the page cache', () => {
  it('holds what was appended, and zeros to the end of a block', async () => {
    const length = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 3 * BLOCK_BYTES }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(length, { maxLength: 4 }), { maxLength: 12 }), async (appends) => {
        const { files, file } = await newFile('taken');
        const given = await appendAll(file, appends);
        const content = contentOf(files);
        expect(content.length % BLOCK_BYTES).toBe(0);
        expect(content.length - given.length).toBeLessThan(BLOCK_BYTES);
        expect(withoutZeros(content).equals(given)).toBe(true);
      }),
    );
  });

  it('takes what is larger than its memory in pieces', async () => {
    const { files, file } = await newFile('taken');
    const given = await appendAll(file, [[100], [64, 3_000_001, 700], [2_500_000], [1]]);
    expect(withoutZeros(contentOf(files)).equals(given)).toBe(true);
    const { files: cached, file: other } = await newFile('refused');
    await appendAll(other, [[100], [64, 3_000_001, 700], [2_500_000], [1]]);
    expect(contentOf(cached).equals(given)).toBe(true);
  });

  it('goes on in a block that it did not write', async () => {
    const { files, file } = await newFile('taken');
    await file.cached.write(bytes(5_000, 0), 0);
    await file.append([bytes(10, 5_000)], 5_000);
    expect(withoutZeros(contentOf(files)).equals(bytes(5_010, 0))).toBe(true);
    await expect(file.append([bytes(10, 0)], 9_000)).rejects.toThrow('the file ends before 9000');
  });

  it('is written by way of the page cache where the file system says, at the first write or later, that it cannot', async () => {
    for (let refusing = 0; refusing < 4; refusing += 1) {
      const { files, file } = await newFile('taken');
      const given = await appendAll(file, Array(refusing).fill([300]));
      let refused = 0;
      files.fault = ({ write }) => {
        if (!write || refused > 0) return undefined;
        refused += 1;
        files.state = insideWrite(files.state, write, (sector) => sector % 2 === 0);
        return errorWithCode('EINVAL');
      };
      for (let more = 0; more < 3; more += 1)
        await file.append([bytes(700, given.length + more * 700)], given.length + more * 700);
      expect(refused).toBe(1);
      const content = withoutZeros(contentOf(files));
      expect(content.subarray(0, given.length).equals(given)).toBe(true);
      expect(content.subarray(given.length).equals(bytes(2_100, given.length))).toBe(true);
    }
  });

  it('keeps what was appended before where a write fails in its middle', async () => {
    const { files, file } = await newFile('taken');
    const given = await appendAll(file, [[5_000], [300]]);
    files.fault = ({ write }) => {
      if (!write) return undefined;
      files.state = insideWrite(files.state, write, (sector) => sector < 3);
      return errorWithCode('ENOSPC');
    };
    await expect(file.append([bytes(9_000, 3)], given.length)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(contentOf(files).subarray(0, given.length).equals(given)).toBe(true);
    files.fault = () => undefined;
    await file.append([bytes(9_000, 5)], given.length);
    expect(withoutZeros(contentOf(files)).equals(Buffer.concat([given, bytes(9_000, 5)]))).toBe(true);
  });
});

const WAYS = [
  { direct: 'taken' },
  { direct: 'refused' },
  { direct: 'refused_when_written' },
  // Small ones and large ones, and others between them.
  { direct: 'taken', directBytes: 3_000 },
] as const;

describe('A log', () => {
  it('is the same on disk, up to zeros at the ends of its files, whichever way it is written', async () => {
    const sizes = fc.array(fc.array(fc.integer({ min: 0, max: 7_000 }), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.context(), async (groups, context) => {
        const written = await Promise.all(
          WAYS.map(async (way) => {
            const { files, log } = await newSimulatedLog(way);
            const event = eventFactory();
            let next = 0;
            for (const group of groups)
              await Promise.all(
                group.map((length) => {
                  const expected = next === 0 ? ('none' as const) : revision(next - 1);
                  next += 1;
                  return log.append(stream('orders-1'), expected, [event.binary(bytes(length, next))]);
                }),
              );
            await log.close();
            const again = new FaultyFiles(files.state);
            const opened = await EmbeddedEventStore.open(DIRECTORY, simulated(again));
            expect(await allEvents(opened)).toHaveLength(next);
            await opened.close();
            return [...files.state.names.keys()]
              .filter((path) => path.startsWith(`${DIRECTORY}/log/`))
              .map((path) => [path, withoutZeros(contentOf(files, path)).toString('base64')]);
          }),
        );
        context.log(`${written[0]?.length} segments`);
        for (const other of written.slice(1)) expect(other).toEqual(written[0]);
      }),
      { numRuns: 40 },
    );
  });
});
