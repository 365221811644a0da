import { createHash, timingSafeEqual } from 'node:crypto';
import { publicId, uuidOf, type ApiKeyId } from '../../domain/ids.js';

const KEY = /^ps_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** What is stored of a key's or a token's secret part. */
export const secretHash = (secret: string): string => digest(secret).toString('hex');

/** Compares in a time that does not tell how much is right. */
export const matchesHash = (secret: string, hash: string): boolean => {
  const stored = Buffer.from(hash, 'hex');
  return stored.length === 32 && timingSafeEqual(digest(secret), stored);
};

/** Compares two secrets in a time that tells nothing of either. */
export const sameSecret = (one: string, other: string): boolean =>
  timingSafeEqual(digest(one), digest(other));

/** A new key's text: `ps_`, the key's id, a secret of 256 bits. Shown once. */
export const newApiKey = (id: ApiKeyId, bits: Buffer): { readonly key: string; readonly hash: string } => {
  const secret = bits.toString('base64url');
  return {
    key: `ps_${(uuidOf('apiKey', id) ?? '').replaceAll('-', '')}_${secret}`,
    hash: secretHash(secret),
  };
};

/** Takes a key's text apart; undefined where it is none. */
export const parseApiKey = (key: string): { readonly id: ApiKeyId; readonly secret: string } | undefined => {
  const [, id, secret] = KEY.exec(key) ?? [];
  return id !== undefined && secret !== undefined ? { id: publicId('apiKey', id), secret } : undefined;
};
