import { expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../support/started-server.js';

const directory = join(root, 'docs', 'decisions');

it('the list of decisions has each of them once, by its title', async () => {
  const names = (await readdir(directory)).filter((name) => name !== 'README.md').sort();
  const titles = await Promise.all(
    names.map(async (name) => {
      const [first = ''] = (await readFile(join(directory, name), 'utf8')).split('\n');
      return { name, title: first.replace(/^# /, '') };
    }),
  );
  const list = await readFile(join(directory, 'README.md'), 'utf8');
  const listed = [...list.matchAll(/^- \[(.*)\]\((.*)\)$/gm)].map(([, title = '', name = '']) => ({
    name,
    title,
  }));
  expect(listed.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(titles);
});
