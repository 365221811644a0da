import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemRandom } from '../../src/platform/random.js';
import { deriveKeys, initialiseKeys, newSecret, readKey } from '../../src/platform/secrets.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('the key files', () => {
  it('are made once, and left as they are afterwards', async () => {
    await initialiseKeys(directory, systemRandom);
    const before = await readKey(directory, 'secret');
    await initialiseKeys(directory, systemRandom);
    expect(await readKey(directory, 'secret')).toBe(before);
    expect(before.length).toBeGreaterThanOrEqual(32);
    expect(await readKey(directory, 'operatorToken')).not.toBe(before);
  });

  it('are for their owner alone', async () => {
    await initialiseKeys(directory, systemRandom);
    const keys = join(directory, 'keys');
    expect((await stat(keys)).mode & 0o077).toBe(0);
    for (const file of await readdir(keys)) {
      expect((await stat(join(keys, file))).mode & 0o077).toBe(0);
      expect((await readFile(join(keys, file))).length).toBeGreaterThan(32);
    }
  });
});

describe('the keys derived from the secret', () => {
  const secret = newSecret(systemRandom);

  it('are the same for the same secret, and each use has its own', () => {
    expect(deriveKeys(secret).tokens).toEqual(deriveKeys(secret).tokens);
    expect(deriveKeys(secret).tokens).not.toEqual(deriveKeys(secret).answers);
    expect(deriveKeys(newSecret(systemRandom)).tokens).not.toEqual(deriveKeys(secret).tokens);
  });

  it('give an address a name that does not show it', () => {
    const name = deriveKeys(secret).pseudonym('email', 'ada@example.com');
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    expect(name).not.toBe(deriveKeys(newSecret(systemRandom)).pseudonym('email', 'ada@example.com'));
  });
});
