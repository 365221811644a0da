import { secretHash } from './api-keys.js';

const TOKEN = /^psr_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** A refresh token's text: `psr_`, its session's id, a secret of 256 bits. */
export const newRefreshToken = (
  session_id: string,
  bits: Buffer,
): { readonly text: string; readonly token_hash: string } => {
  const secret = bits.toString('base64url');
  return { text: `psr_${session_id.replaceAll('-', '')}_${secret}`, token_hash: secretHash(secret) };
};

/** Takes a refresh token's text apart; undefined where it is none. */
export const parseRefreshToken = (
  text: string,
): { readonly session_id: string; readonly token_hash: string } | undefined => {
  const [, a, b, c, d, e, secret] = TOKEN.exec(text) ?? [];
  return secret === undefined
    ? undefined
    : { session_id: [a, b, c, d, e].join('-'), token_hash: secretHash(secret) };
};
