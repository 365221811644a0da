import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { transform } from '@swc/core';
import { PasswordWorker } from '../../src/platform/password.js';

/** The worker is a program of its own: it is compiled into a directory from which it finds its packages. */
const root = join(import.meta.dirname, '..', '..');
let directory: string;
let passwords: PasswordWorker;

const compile = async (name: string): Promise<void> => {
  const source = await readFile(join(root, 'src', 'platform', `${name}.ts`), 'utf8');
  const { code } = await transform(source, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  });
  await writeFile(join(directory, `${name}.js`), code);
};

beforeAll(async () => {
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  directory = await mkdtemp(join(cache, 'password-'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await Promise.all([compile('password'), compile('password-worker')]);
  passwords = new PasswordWorker(pathToFileURL(join(directory, 'password-worker.js')));
});

afterAll(async () => {
  await passwords.close();
  await rm(directory, { recursive: true });
});

describe('the password thread', () => {
  it('knows a password again by its hash, and no other', async () => {
    const hash = await passwords.hash('correct horse');
    expect(hash).toMatch(/^\$2b\$12\$/);
    expect(await passwords.check('correct horse', hash)).toBe(true);
    expect(await passwords.check('correct horsf', hash)).toBe(false);
  });

  it('says no where there is nothing to check against', async () => {
    expect(await passwords.check('correct horse', undefined)).toBe(false);
  });

  it('says so where too many wait', async () => {
    // More than may wait; none is awaited until all are asked.
    const asked = Array.from({ length: 33 }, () => passwords.check('x', 'no hash'));
    expect(await asked.at(-1)).toBeUndefined();
    expect(await Promise.all(asked.slice(0, 32))).toEqual(Array(32).fill(false));
  });

  it('is replaced where it died', async () => {
    const dying = passwords.check('correct horse', undefined);
    const said = expect(dying).rejects.toThrow('ended');
    await passwords.close();
    await said;
    expect(await passwords.check('correct horse', undefined)).toBe(false);
  });

  it('fails what is asked of a program that is not there', async () => {
    const missing = new PasswordWorker(pathToFileURL(join(directory, 'missing.js')));
    await expect(missing.hash('correct horse')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('missing.js') },
    });
  });
});
