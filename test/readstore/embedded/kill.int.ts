import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TenantId } from '../../../src/domain/ids.js';
import { EmbeddedReadStore } from '../../../src/readstore/embedded/embedded-read-store.js';
import { LOADED, LOADED_DOCUMENTS, type LoadedDocument } from '../../support/loaded-documents.js';

const KILLS = 8;
const support = join(import.meta.dirname, '../../support');

/** Lets the program write so many rounds and kills it; gives the last one that it said was done. */
const killAfter = async (directory: string, rounds: number): Promise<number> => {
  const loader = join(support, 'typescript.mjs');
  const program = join(support, 'read-models-under-load.ts');
  const child = spawn(process.execPath, ['--import', loader, program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > rounds) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the program ended by itself: ${code}`);
  return Number(said.split('\n').at(-2));
};

it('Read models of a program that is killed are whole, and their checkpoint is never ahead of them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'read-store-'));
  await EmbeddedReadStore.initialise(directory);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const done = await killAfter(directory, 3 + kill * 7);
    const store = await EmbeddedReadStore.open(directory);
    const checkpoint = Number((await store.register.get('checkpoint'))?.value);
    const walked = await store
      .forTenant('a' as TenantId)
      .find<LoadedDocument>(LOADED.name, { index: 'by_round', limit: 1000 });
    await store.close();

    const rounds = new Set(walked.map(({ round }) => round));
    expect(walked).toHaveLength(LOADED_DOCUMENTS);
    expect(rounds.size).toBe(1);
    expect(checkpoint).toBeGreaterThanOrEqual(done);
    expect([checkpoint, checkpoint + 1]).toContain([...rounds][0]);
  }
  await rm(directory, { recursive: true });
});
