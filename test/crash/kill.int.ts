import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { LogInUse } from '../../src/eventstore/embedded/options.js';
import { seededRandom } from '../support/faulty-files.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../support/embedded-log.js';
import { appendsOf, STREAMS, type LoadedStream } from '../support/load.js';
import { stream } from '../support/log-events.js';
import { allEvents } from '../support/simulated-log.js';

const KILLS = 100;
const support = join(import.meta.dirname, '..', 'support');

let directory = '';
beforeAll(async () => {
  directory = await temporaryDirectory();
  await EmbeddedEventStore.initialise(directory, smallLog);
});
afterAll(() => removeDirectory(directory));

/** The program under load, started and waiting to be let in. */
const start = (run: number): ChildProcess => {
  const program = join(support, 'log-under-load.ts');
  const loader = join(support, 'typescript.mjs');
  return spawn(process.execPath, ['--import', loader, program, directory, String(run)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
  });
};

/** Lets the program in, kills it after so many lines, and gives all that it said. */
const killAfter = async (child: ChildProcess, lines: number): Promise<string[]> => {
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > lines) child.kill('SIGKILL');
  });
  const ended = once(child, 'close');
  child.stdin?.write('go\n');
  const [code, signal] = (await ended) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the program ended by itself: ${code}`);
  return said.split('\n').slice(0, -1);
};

/** How many appends to each stream were acknowledged. */
const acknowledgedIn = (lines: readonly string[]): Map<string, number> =>
  new Map(
    lines
      .filter((line) => line.startsWith('run-'))
      .map((line) => line.split(' ') as [string, string])
      .map(([name, count]) => [name, Number(count)]),
  );

/** Holds a stream against its load; says how many appends of it are in the log. */
const check = async (log: EmbeddedEventStore, which: LoadedStream, acknowledged: number): Promise<void> => {
  const ids: string[] = [];
  for await (const event of log.readStream(stream(which.name))) {
    if (event.revision !== ids.length) throw new Error(`${which.name} has a gap before ${event.revision}`);
    ids.push(event.id);
  }
  let due = 0;
  for (const [number, events] of appendsOf(which)) {
    // One append at a time was under way on each stream: it may be there, whole.
    if (number >= acknowledged && ids.length === due) return;
    if (number > acknowledged)
      throw new Error(`${which.name} has ${ids.length} events, at most ${due} are due`);
    for (const [i, { id }] of events.entries())
      if (ids[due + i] !== id) throw new Error(`${which.name} lost event ${due + i} of append ${number}`);
    due += events.length;
  }
};

describe('A program that is killed while it writes', () => {
  it(`keeps what it acknowledged, once and whole, ${KILLS} times`, async () => {
    const random = seededRandom(5);
    let acknowledged = 0;
    let next = start(0);
    for (let run = 0; run < KILLS; run += 1) {
      const child = next;
      if (run + 1 < KILLS) next = start(run + 1);
      const lines = await killAfter(child, 1 + Math.floor(random() * 120));
      expect(lines[0]).toBe('open');

      const log = await EmbeddedEventStore.open(directory, smallLog);
      const counts = acknowledgedIn(lines);
      for (const i of STREAMS) {
        const which = { name: `run-${run}-${i}`, run, i };
        await check(log, which, counts.get(which.name) ?? 0);
        acknowledged += counts.get(which.name) ?? 0;
      }
      await log.close();
    }

    expect(acknowledged).toBeGreaterThan(KILLS);
    const log = await EmbeddedEventStore.open(directory, smallLog);
    expect((await log.verify()).problems).toEqual([]);
    const events = await allEvents(log);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    await log.close();
  });

  it('holds the log against others as long as it lives, and not a moment longer', async () => {
    const child = start(KILLS);
    const lines: Promise<unknown[]> = once(child.stdout ?? child, 'data');
    child.stdin?.write('go\n');
    await lines;
    await expect(EmbeddedEventStore.open(directory, smallLog)).rejects.toThrow(LogInUse);

    const ended = once(child, 'close');
    child.stdout?.resume();
    child.kill('SIGKILL');
    await ended;
    expect(await readdir(directory)).toContain('lock');
    const log = await EmbeddedEventStore.open(directory, smallLog);
    await log.close();
  });
});
