import { hash } from 'node:crypto';
import { isKeyName, noteKey, type NoteSigner } from '../../domain/integrity/signed-note.js';
import { signingKey } from '../../platform/signing.js';

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/**
 * What signs for the log: the key of a seed of 32 bytes in base64url. The log has the key's name; where it is given
 * none, one that follows from the key, so that two logs never share it.
 */
export const logSigner = (seed: string, origin?: string): NoteSigner => {
  const { public_key, sign } = signingKey(Buffer.from(seed, 'base64url'));
  const name = origin ?? `pulsestream/${sha256(public_key).toString('hex', 0, 8)}`;
  if (!isKeyName(name)) throw new RangeError(`no log can have the name ${JSON.stringify(name)}`);
  return { key: noteKey(sha256, name, 1, public_key), sign };
};
