import { describe, expect, it } from '@jest/globals';
import { PseudonymFile } from '../../../src/personkeys/embedded/pseudonym-file.js';
import type { PseudonymEntry } from '../../../src/personkeys/pseudonym-store.js';
import { entryOf, pseudonymStoreContract } from '../../contract/pseudonym-store.contract.js';
import {
  afterCrash,
  errorWithCode,
  FaultyFiles,
  seededRandom,
  survives,
  type DiskState,
} from '../../support/faulty-files.js';

const PATH = '/data/keys/pseudonyms';

pseudonymStoreContract('The file of pseudonyms', async () => {
  const files = new FaultyFiles();
  let store = await PseudonymFile.open(PATH, files);
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      store = await PseudonymFile.open(PATH, files);
    },
    close: () => store.close(),
  };
});

const onDisk = ({ names, inodes }: DiskState): string =>
  inodes.get(names.get(PATH) ?? -1)?.seen.toString() ?? '';
const sealedText = ({ sealed }: PseudonymEntry): string =>
  Buffer.from(sealed).toString('base64').slice(0, 24);

interface Moment {
  readonly disk: DiskState;
  /** What was said to be kept; null: said to be destroyed. */
  readonly acknowledged: ReadonlyMap<string, PseudonymEntry | null>;
  /** The person whose entry was being kept or destroyed. */
  readonly under_way: string | undefined;
}

/** Keeps and destroys entries of one and of several blocks, and takes down each moment before the disk changes. */
const recordMoments = async (): Promise<readonly Moment[]> => {
  const random = seededRandom(5);
  const files = new FaultyFiles();
  const acknowledged = new Map<string, PseudonymEntry | null>();
  let under_way: string | undefined;
  const moments: Moment[] = [];
  const take = (disk: DiskState): void => {
    moments.push({ disk, acknowledged: new Map(acknowledged), under_way });
  };
  files.observe = (_, disk) => take(disk);
  let store = await PseudonymFile.open(PATH, files);
  for (let step = 0; step < 60; step += 1) {
    const entry = entryOf(Math.floor(random() * 8), step, 60 + Math.floor(random() * 900));
    const { subject } = entry;
    under_way = subject;
    if (random() < 0.6) acknowledged.set(subject, (await store.keep([entry]))[0] ?? null);
    else {
      await store.destroy(subject);
      acknowledged.set(subject, null);
    }
    under_way = undefined;
    if (random() < 0.1) {
      await store.close();
      store = await PseudonymFile.open(PATH, files);
    }
  }
  take(files.state);
  return moments;
};

describe('the file of pseudonyms, where the power goes', () => {
  it('loses no entry and brings none back, at any moment, whatever of the last writes survived', async () => {
    const random = seededRandom(6);
    for (const { disk, acknowledged, under_way } of await recordMoments())
      for (const keeps of [survives.all, survives.nothing, survives.some(random)]) {
        const files = new FaultyFiles(afterCrash(disk, keeps));
        const store = await PseudonymFile.open(PATH, files);
        for (const [subject, entry] of acknowledged) {
          if (subject === under_way) continue;
          expect(await store.ofSubjects([subject])).toEqual(entry ? [entry] : []);
        }
        // Whatever is no entry of somebody's stands nowhere in the file, halves of entries included.
        const held = await store.ofSubjects([0, 1, 2, 3, 4, 5, 6, 7].map((n) => entryOf(n).subject));
        const lines = onDisk(files.state)
          .split('\n')
          .filter((line) => line.trim() !== '');
        expect(lines).toHaveLength(held.length);
      }
  });

  it('writes over the bytes of what it destroys', async () => {
    const files = new FaultyFiles();
    const store = await PseudonymFile.open(PATH, files);
    await store.keep([entryOf(1, 0, 700), entryOf(2)]);
    await store.destroy(entryOf(1).subject);
    expect(onDisk(files.state)).not.toContain(sealedText(entryOf(1)));
    expect(onDisk(files.state)).toContain(sealedText(entryOf(2)));
  });

  it('keeps nothing that could not be written, and takes it when there is room', async () => {
    const files = new FaultyFiles();
    const store = await PseudonymFile.open(PATH, files);
    files.fault = ({ kind }) => (kind === 'write' ? errorWithCode('ENOSPC') : undefined);
    await expect(store.keep([entryOf(1)])).rejects.toThrow('ENOSPC');
    expect(await store.ofSubjects([entryOf(1).subject])).toEqual([]);
    files.fault = () => undefined;
    expect(await store.keep([entryOf(1, 2)])).toEqual([entryOf(1, 2)]);
  });
});
