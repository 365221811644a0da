import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImportState } from '../../../src/cli/importing/state.js';
import type { Piece } from '../../../src/cli/importing/pieces.js';

let directory: string;
let files = 0;
const newFile = (): string => join(directory, 'deep', `${(files += 1)}.jsonl`);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const piece = (key: string, batch = 'b', offset = 0): Piece => ({
  key,
  batch,
  offset,
  first: 1,
  lines: ['x', 'y'],
  names: ['n', 'm'],
  cut: true,
});
const counts = { events: 2, rejected: 1, skipped: 3 };

describe('the state of imports', () => {
  it('is there again when it is opened again', async () => {
    const file = newFile();
    const state = await ImportState.open(file);
    expect(state.done(piece('a'))).toBeUndefined();
    await Promise.all([
      state.cut(piece('a', 'b', 4)),
      state.finish(piece('a'), counts),
      state.cut(piece('c')),
    ]);
    await state.close();
    const again = await ImportState.open(file);
    expect(again.done(piece('a'))).toEqual(counts);
    expect(again.done(piece('c'))).toBeUndefined();
    expect([...again.cutsOf('b')].sort()).toEqual([2, 6]);
    expect([...again.cutsOf('other')]).toEqual([]);
  });

  it('is what was written whole, wherever a crash cut it off, and goes on from there', async () => {
    const file = newFile();
    const state = await ImportState.open(file);
    await state.finish(piece('a'), counts);
    await state.finish(piece('b'), counts);
    await state.close();
    const text = await readFile(file, 'utf8');
    const first = text.indexOf('\n') + 1;
    for (let length = text.length; length >= first; length -= 1) {
      const torn = join(directory, `torn-${length}`);
      await writeFile(torn, text);
      await truncate(torn, length);
      const reopened = await ImportState.open(torn);
      expect(reopened.done(piece('a'))).toEqual(counts);
      expect(reopened.done(piece('b'))).toEqual(length >= text.length - 1 ? counts : undefined);
      await reopened.finish(piece('c'), counts);
      await reopened.close();
      const last = await ImportState.open(torn);
      expect(last.done(piece('a'))).toEqual(counts);
      expect(last.done(piece('c'))).toEqual(counts);
    }
  });

  it('of another kind of file is none', async () => {
    const file = join(directory, 'other');
    await writeFile(file, 'null\n{"done":1}\nnot JSON\n{"cut":"b","lines":"2"}\n');
    const state = await ImportState.open(file);
    expect([...state.cutsOf('b')]).toEqual([]);
  });
});
