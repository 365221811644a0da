import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { clientIdsOf } from '../../src/domain/telemetry/client-ids.js';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../support/embedded-log.js';
import { seededRandom } from '../support/faulty-files.js';
import { openIngest } from '../support/open-ingest.js';
import { allEvents } from '../support/simulated-log.js';
import { request } from '../support/telemetry.js';

const KILLS = 20;
const support = join(import.meta.dirname, '..', 'support');

let directory = '';
beforeAll(async () => {
  directory = await temporaryDirectory();
  await EmbeddedEventStore.initialise(directory, smallLog);
});
afterAll(() => removeDirectory(directory));

/** Runs the program under load, kills it after so many lines, and gives all that it said. */
const killed = async (run: number, lines: number): Promise<string[]> => {
  const program = join(support, 'ingest-under-load.ts');
  const loader = join(support, 'typescript.mjs');
  const child = spawn(process.execPath, ['--import', loader, program, directory, String(run)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > lines) child.kill('SIGKILL');
  });
  const ended = once(child, 'close');
  child.stdin.write('go\n');
  const [code, signal] = (await ended) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the program ended by itself: ${code}`);
  return said.split('\n').slice(0, -1);
};

const idsIn = (lines: readonly string[], word: string): string[] =>
  lines.flatMap((line) => (line.startsWith(`${word} `) ? line.split(' ').slice(1) : []));

describe('A program that is killed while it stores events with ids', () => {
  it(`has stored each of them once when all are sent again, ${KILLS} times`, async () => {
    const random = seededRandom(11);
    let acknowledged = 0;
    const sent = new Set<string>();
    for (let run = 0; run < KILLS; run += 1) {
      const lines = await killed(run, 2 + Math.floor(random() * 60));
      const stored = new Set(idsIn(lines, 'stored'));
      const again = [...new Set(idsIn(lines, 'sent'))];
      for (const id of again) sent.add(id);
      acknowledged += stored.size;

      const log = await EmbeddedEventStore.open(directory, smallLog);
      const { ingest, index } = await openIngest(log, directory, 40);
      const before = new Set(
        (await allEvents(log)).flatMap((event) => clientIdsOf(event).map(({ id }) => id)),
      );
      for (const id of stored) expect(before).toContain(id);
      const body = Buffer.from(JSON.stringify(again.map((id) => ({ type: 'a', id }))));
      const known = again.filter((id) => before.has(id)).length;
      expect(await ingest.batch(body, 'json', request())).toMatchObject({
        ok: true,
        value: { accepted: again.length - known, duplicates: known },
      });
      await index.close();
      await log.close();
    }

    expect(acknowledged).toBeGreaterThan(KILLS * 30);
    const log = await EmbeddedEventStore.open(directory, smallLog);
    const ids = (await allEvents(log)).flatMap((event) => clientIdsOf(event).map(({ id }) => id));
    expect(ids).toHaveLength(sent.size);
    expect(new Set(ids)).toEqual(sent);
    await log.close();
  });
});
