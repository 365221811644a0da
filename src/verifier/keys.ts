import { createPrivateKey, createPublicKey, verify } from 'node:crypto';

// The DER of an Ed25519 key (RFC 8410): a fixed prefix and 32 bytes.
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Whether a signature is that public key's over a message. */
export const verifyEd25519 = (
  public_key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => {
  const key = createPublicKey({
    key: Buffer.concat([PUBLIC_PREFIX, public_key]),
    format: 'der',
    type: 'spki',
  });
  return verify(null, message, key, signature);
};

/** The public key of a seed in base64url: what the server keeps as keys/log-signing-key. */
export const publicKeyOf = (seed: string): Uint8Array => {
  const der = Buffer.concat([PRIVATE_PREFIX, Buffer.from(seed.trim(), 'base64url')]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return key.export({ format: 'der', type: 'spki' }).subarray(PUBLIC_PREFIX.length);
};
