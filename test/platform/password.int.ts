import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PasswordWorker } from '../../src/platform/password.js';
import { compile, type Compiled } from '../support/compiled.js';

let program: Compiled;
let passwords: PasswordWorker;

beforeAll(async () => {
  program = await compile('src/platform');
  passwords = new PasswordWorker(program.url('src/platform/password-worker'));
});

afterAll(async () => {
  await passwords.close();
  await program.remove();
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
    const missing = new PasswordWorker(program.url('missing'));
    await expect(missing.hash('correct horse')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('missing.js') },
    });
  });
});
