import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { isSealed } from '../../src/eventstore/embedded/sealed/format.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../support/embedded-log.js';
import { seededRandom } from '../support/faulty-files.js';
import { stream } from '../support/log-events.js';

const KILLS = 15;
const options = { ...smallLog, segmentBytes: 1024 * 1024, maxAppendBytes: 256 * 1024 };
const support = join(import.meta.dirname, '..', 'support');

let directory = '';
beforeAll(async () => {
  directory = await temporaryDirectory();
  await EmbeddedEventStore.initialise(directory, options);
});
afterAll(() => removeDirectory(directory));

/** Starts the program and kills it when it has appended so often; says how often it was told that it had. */
const killAfter = async (run: number, appends: number): Promise<number> => {
  const child = spawn(
    process.execPath,
    [
      '--import',
      join(support, 'typescript.mjs'),
      join(support, 'log-sealing-under-load.ts'),
      directory,
      String(run),
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
    },
  );
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes(`appended ${appends}\n`)) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the program ended by itself: ${code}`);
  return said.split('\n').filter((line) => line.startsWith('appended ')).length;
};

/** How many segments there are of each form. */
const forms = async (): Promise<{ sealed: number; raw: number }> => {
  const log = join(directory, 'log');
  const names = await readdir(log);
  const sealed = await Promise.all(names.map(async (name) => isSealed(await readFile(join(log, name)))));
  return { sealed: sealed.filter(Boolean).length, raw: sealed.filter((is) => !is).length };
};

describe('A program that is killed while it seals under load', () => {
  it(`keeps what it acknowledged, and every segment whole in one form, ${KILLS} times`, async () => {
    const random = seededRandom(9);
    for (let run = 0; run < KILLS; run += 1) {
      const acknowledged = await killAfter(run, 60 + Math.floor(random() * 150));
      const log = await EmbeddedEventStore.open(directory, options);
      const { problems } = await log.verify();
      expect(problems).toEqual([]);
      let revisions = 0;
      for await (const { revision } of log.readStream(stream(`run-${run}`)))
        expect(revision).toBe(revisions++);
      // One append was under way: it may be there, whole.
      expect([acknowledged, acknowledged + 1]).toContain(revisions);
      await log.close();
      expect(await readdir(directory)).not.toContain('sealing-segment');
    }
    const { sealed } = await forms();
    expect(sealed).toBeGreaterThan(0);
    const log = await EmbeddedEventStore.open(directory, options);
    await log.seal();
    expect((await log.verify()).problems).toEqual([]);
    await log.close();
    expect((await forms()).raw).toBe(1);
  });
});
