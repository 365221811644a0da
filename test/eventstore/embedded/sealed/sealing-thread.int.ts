import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { EmbeddedEventStore } from '../../../../src/eventstore/embedded/embedded-event-store.js';
import { compile, type Compiled } from '../../../support/compiled.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../../../support/embedded-log.js';
import { everything, SealableLoad } from '../../../support/sealable-log.js';

const MIB = 1024 * 1024;
const sizes = { segmentBytes: MIB, maxAppendBytes: MIB / 4 };

let compiled: Compiled;
let directory = '';
let contents: object;
beforeAll(async () => {
  compiled = await compile('src/platform', 'src/domain', 'src/eventstore');
});
afterAll(() => compiled.remove());

const open = (sealing?: URL): Promise<EmbeddedEventStore> =>
  EmbeddedEventStore.open(directory, { ...smallLog, ...sizes, ...(sealing && { sealing }) });

beforeEach(async () => {
  directory = await temporaryDirectory();
  await EmbeddedEventStore.initialise(directory, { ...smallLog, ...sizes });
  const log = await open();
  const load = new SealableLoad();
  while ((await log.stat()).segments < 3) await load.append(log);
  contents = await everything(log);
  await log.close();
});
afterEach(() => removeDirectory(directory));

const program = (): URL => compiled.url('src/eventstore/embedded/sealed/sealing-worker');

describe('A thread that seals', () => {
  it('makes what sealing here makes, and says how far it is', async () => {
    const log = await open(program());
    const progress: number[] = [];
    const result = await log.seal(({ bytes, total }) => progress.push(bytes / total));
    expect(result).toMatchObject({ segments: 2 });
    expect(result.bytes).toBeLessThan(result.raw_bytes / 2);
    expect(progress.length).toBeGreaterThan(4);
    expect(progress.at(-1)).toBe(1);
    expect(await everything(log)).toEqual(contents);
    await log.close();
  });

  it('ends where the log is closed, and leaves the old form', async () => {
    const log = await open(program());
    const sealing = log.seal(() => undefined);
    sealing.catch(() => undefined);
    await log.close();
    await expect(sealing).rejects.toThrow();
    expect(await readdir(directory)).not.toContain('sealing-segment');
    const again = await open();
    expect(await everything(again)).toEqual(contents);
    await again.close();
  });

  it('that dies fails the segment and nothing else', async () => {
    const log = await open(await compiled.add('dies', 'process.exit(3);'));
    await expect(log.seal()).rejects.toThrow(/thread ended/);
    expect(await everything(log)).toEqual(contents);
    await log.close();
  });
});
