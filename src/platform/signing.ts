import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

// The DER of an Ed25519 key (RFC 8410) is a fixed prefix and the 32 bytes of the key.
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** An Ed25519 key pair (RFC 8032). */
export interface SigningKey {
  /** 32 bytes. */
  readonly public_key: Uint8Array;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** The key pair of a seed of 32 bytes. */
export const signingKey = (seed: Uint8Array): SigningKey => {
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    public_key: Uint8Array.from(der.subarray(PUBLIC_PREFIX.length)),
    sign: (message) => sign(null, message, key),
  };
};

/** Whether a signature of 64 bytes is that public key's over a message. */
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
