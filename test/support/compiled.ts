import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from '@swc/core';

const root = join(import.meta.dirname, '..', '..');

/** The program as it is built, for tests of threads: a thread loads files, not what the test runner made of them. */
export interface Compiled {
  /** Of a source, named from the project's root without its ending. */
  url(name: string): URL;
  /** A program of the test's own. */
  add(name: string, code: string): Promise<URL>;
  remove(): Promise<void>;
}

/** Compiles some folders of the sources into a directory from which they find their packages. */
export const compile = async (...folders: readonly string[]): Promise<Compiled> => {
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, 'compiled-'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  for (const folder of folders) {
    const names = await readdir(join(root, folder), { recursive: true });
    await Promise.all(
      names.filter((name) => name.endsWith('.ts')).map((name) => build(directory, join(root, folder, name))),
    );
  }
  const url = (name: string): URL => pathToFileURL(join(directory, `${name}.js`));
  return {
    url,
    add: async (name, code) => {
      await writeFile(url(name), code);
      return url(name);
    },
    remove: () => rm(directory, { recursive: true }),
  };
};

const build = async (directory: string, path: string): Promise<void> => {
  const { code } = await transform(await readFile(path, 'utf8'), {
    jsc: { parser: { syntax: 'typescript', decorators: true }, target: 'es2022' },
    module: { type: 'es6' },
  });
  const target = join(directory, relative(root, path).replace(/\.ts$/, '.js'));
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, code);
};
