import { createHmac, hkdfSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './errors.js';
import type { Random } from './random.js';

/** The keys that this server derives from its one secret (HKDF-SHA-256, RFC 5869); each use has its own. */
export interface ServerKeys {
  /** Signs access tokens. */
  readonly tokens: Buffer;
  /** Encrypts the stored answers of requests with an `Idempotency-Key`. */
  readonly answers: Buffer;
  /** Wraps the keys of people. */
  readonly people: Buffer;
  /** What stands in the log for an e-mail address, or for a person whose telemetry is erased: without the key nobody can tell whose it is. */
  pseudonym(kind: PseudonymKind, value: string): string;
}

/** Kinds of values that stand in the log under a key; the same value of another kind looks otherwise. */
export type PseudonymKind = 'email' | 'user_id' | 'consumer';

export const deriveKeys = (secret: string): ServerKeys => {
  const derive = (use: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, '', `pulsestream ${use}`, 32));
  const pseudonyms = derive('pseudonyms');
  return {
    tokens: derive('tokens'),
    answers: derive('answers'),
    people: derive('people'),
    pseudonym: (kind, value) => createHmac('sha256', pseudonyms).update(`${kind}:${value}`).digest('hex'),
  };
};

const keyFiles = {
  secret: 'secret',
  operatorToken: 'operator-token',
  /** The seed of the Ed25519 key that checkpoints of the log are signed with. */
  logSigning: 'log-signing-key',
} as const;

/** A new secret: 256 random bits in base64url. */
export const newSecret = (random: Random): string => random.bytes(32).toString('base64url');

/** Makes the key files of a data directory where they are missing, and names them; existing ones stay as they are. */
export const initialiseKeys = async (data_directory: string, random: Random): Promise<readonly string[]> => {
  const made: string[] = [];
  const directory = join(data_directory, 'keys');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const file of Object.values(keyFiles)) {
    try {
      await writeFile(join(directory, file), `${newSecret(random)}\n`, { mode: 0o600, flag: 'wx' });
      made.push(file);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
  return made;
};

/** Reads a key file of a data directory. */
export const readKey = async (data_directory: string, key: keyof typeof keyFiles): Promise<string> =>
  (await readFile(join(data_directory, 'keys', keyFiles[key]), 'utf8')).trim();

/** The same; undefined where there is no such file: a directory made by an earlier release has fewer. */
export const readKeyIfThere = async (...key: Parameters<typeof readKey>): Promise<string | undefined> => {
  try {
    return await readKey(...key);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
};
