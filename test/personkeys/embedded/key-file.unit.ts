import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { systemFiles } from '../../../src/platform/files.js';
import { removeDirectory, temporaryDirectory } from '../../support/embedded-log.js';
import { KeyFile, KeysInUse } from '../../../src/personkeys/embedded/key-file.js';
import type { PersonKey } from '../../../src/personkeys/person-keys.js';
import { personKeysContract } from '../../contract/person-keys.contract.js';
import {
  afterCrash,
  errorWithCode,
  FaultyFiles,
  seededRandom,
  survives,
  type DiskState,
} from '../../support/faulty-files.js';

const PATH = '/data/keys/people';

personKeysContract('The file of people’s keys', async () => {
  const files = new FaultyFiles();
  let keys = await KeyFile.open(PATH, files);
  return {
    get keys() {
      return keys;
    },
    reopen: async () => {
      await keys.close();
      keys = await KeyFile.open(PATH, files);
    },
    close: () => keys.close(),
  };
});

const wrapped = (number: number): Buffer => Buffer.alloc(60, number);
const textOf = (number: number): string => wrapped(number).toString('base64');
const onDisk = ({ names, inodes }: DiskState): string =>
  inodes.get(names.get(PATH) ?? -1)?.seen.toString() ?? '';

interface Moment {
  readonly disk: DiskState;
  readonly acknowledged: ReadonlyMap<string, PersonKey>;
  readonly begun: ReadonlyMap<string, PersonKey>;
}

/** Keeps and destroys keys, and takes down each moment before the disk changes. */
const recordMoments = async (): Promise<readonly Moment[]> => {
  const random = seededRandom(3);
  const files = new FaultyFiles();
  const acknowledged = new Map<string, PersonKey>();
  const begun = new Map<string, PersonKey>();
  const moments: Moment[] = [];
  const take = (disk: DiskState): void => {
    moments.push({ disk, acknowledged: new Map(acknowledged), begun: new Map(begun) });
  };
  files.observe = (_, disk) => take(disk);
  let keys = await KeyFile.open(PATH, files);
  for (let step = 0; step < 60; step += 1) {
    const person = `usr_${Math.floor(random() * 12)}`;
    const key: PersonKey =
      random() < 0.6 ? { state: 'held', wrapped: wrapped(step + 1) } : { state: 'destroyed' };
    begun.set(person, key);
    if (key.state === 'held') acknowledged.set(person, await keys.keep(person, key.wrapped));
    else {
      await keys.destroy(person);
      acknowledged.set(person, key);
    }
    if (random() < 0.1) {
      await keys.close();
      keys = await KeyFile.open(PATH, files);
    }
  }
  take(files.state);
  return moments;
};

describe('the file of people’s keys, where the power goes', () => {
  it('loses no key and brings none back, at any moment, whatever of the last writes survived', async () => {
    const random = seededRandom(4);
    for (const { disk, acknowledged, begun } of await recordMoments())
      for (const keeps of [survives.all, survives.nothing, survives.some(random)]) {
        const after = afterCrash(disk, keeps);
        const keys = await KeyFile.open(PATH, new FaultyFiles(after));
        for (const [person, key] of acknowledged) {
          const found = await keys.get(person);
          // What was under way when the power went may be there already.
          const next = begun.get(person);
          expect([key, ...(next?.state === 'destroyed' ? [next] : [])]).toContainEqual(found);
        }
        // A key that was destroyed stands nowhere in the file.
        for (const [person, key] of acknowledged)
          if (key.state === 'destroyed') expect(onDisk(after)).not.toContain(`"person":"${person}","key":"`);
      }
  });

  it('writes over the bytes of a key that it destroys', async () => {
    const files = new FaultyFiles();
    const keys = await KeyFile.open(PATH, files);
    await keys.keep('usr_1', wrapped(1));
    await keys.keep('usr_2', wrapped(2));
    await keys.destroy('usr_1');
    expect(onDisk(files.state)).not.toContain(textOf(1));
    expect(onDisk(files.state)).toContain(textOf(2));
  });

  it('is open in one process at a time, where nothing else holds the directory', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, 'keys', 'people');
    const keys = await KeyFile.openLocked(path, systemFiles);
    await keys.keep('usr_1', wrapped(1));
    await expect(KeyFile.openLocked(path, systemFiles)).rejects.toThrow(KeysInUse);
    await keys.close();
    const next = await KeyFile.openLocked(path, systemFiles);
    expect(await next.get('usr_1')).toEqual({ state: 'held', wrapped: wrapped(1) });
    await next.close();
    await removeDirectory(directory);
  });

  it('keeps nothing that could not be written, and takes it when there is room', async () => {
    const files = new FaultyFiles();
    const keys = await KeyFile.open(PATH, files);
    files.fault = ({ kind }) => (kind === 'write' ? errorWithCode('ENOSPC') : undefined);
    await expect(keys.keep('usr_1', wrapped(1))).rejects.toThrow('ENOSPC');
    expect(await keys.get('usr_1')).toBeUndefined();
    files.fault = () => undefined;
    expect(await keys.keep('usr_1', wrapped(2))).toEqual({ state: 'held', wrapped: wrapped(2) });
  });

  it('counts a key as destroyed only once that is flushed', async () => {
    const files = new FaultyFiles();
    const keys = await KeyFile.open(PATH, files);
    await keys.keep('usr_1', wrapped(1));
    files.fault = ({ kind }) => (kind === 'flush' ? errorWithCode('EIO') : undefined);
    await expect(keys.destroy('usr_1')).rejects.toThrow('EIO');
    expect(await keys.get('usr_1')).toEqual({ state: 'held', wrapped: wrapped(1) });
    files.fault = () => undefined;
    await keys.destroy('usr_1');
    const again = await KeyFile.open(PATH, new FaultyFiles(afterCrash(files.state, survives.nothing)));
    expect(await again.get('usr_1')).toEqual({ state: 'destroyed' });
  });
});
