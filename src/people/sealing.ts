import { createCipheriv, createDecipheriv } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const KEY_BYTES = 32;

/** What a ciphertext belongs to: it opens nowhere else. */
export type Place = readonly string[];

const associated = (place: Place): Buffer => Buffer.from(JSON.stringify(['pulsestream', 1, ...place]));

/** AES-256-GCM (NIST SP 800-38D): nonce, tag, ciphertext. The nonce is random: a key seals far fewer than 2^32 values. */
export const sealBytes = (key: Buffer, nonce: Buffer, place: Place, bytes: Uint8Array): Buffer => {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated(place));
  const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
};

export const newNonce = (random: { bytes(length: number): Buffer }): Buffer => random.bytes(NONCE_BYTES);

/** What was sealed; undefined where key or place are others, or a single bit is. */
export const openBytes = (key: Buffer, place: Place, sealed: Uint8Array): Buffer | undefined => {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated(place));
  cipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([cipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), cipher.final()]);
  } catch {
    // The one way in which this library says that the tag does not fit.
    return undefined;
  }
};
