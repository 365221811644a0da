import type { Sha256 } from './merkle.js';

/**
 * Signed notes (c2sp.org/signed-note): a text of lines, an empty line, and signature lines
 *
 *   — <key name> base64(4-byte key id, signature)
 *
 * A key is passed on as a line, too: <key name>+<key id in hex>+base64(algorithm, public key).
 */

/** `1`: Ed25519 over the text. `4`: Ed25519 over the text and the time of signing, by a witness (c2sp.org/tlog-cosignature). */
export type NoteAlgorithm = 1 | 4;

/** A key that signatures are checked with. */
export interface NoteKey {
  readonly name: string;
  readonly algorithm: NoteAlgorithm;
  /** 32 bytes. */
  readonly public_key: Uint8Array;
  /** 8 hexadecimal digits; with the name it tells keys apart. */
  readonly id: string;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  readonly bytes: Uint8Array;
}

export interface SignedNote {
  /** Ends with a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Makes Ed25519 signatures of texts under a key. */
export interface NoteSigner {
  readonly key: NoteKey;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** Whether an Ed25519 signature is that key's, of 32 bytes, over a message. */
export type VerifyEd25519 = (public_key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const PUBLIC_KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
/** So many signatures a note may have; verifiers must take 16. */
const MAX_SIGNATURES = 64;
const DASH = '—';

/** A key name has no spaces and no plus sign. */
export const isKeyName = (name: string): boolean => /^[^\s+\p{Cc}]+$/u.test(name);

/** Names a key by what it is. */
export const noteKey = (
  sha256: Sha256,
  name: string,
  algorithm: NoteAlgorithm,
  public_key: Uint8Array,
): NoteKey => {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(algorithm), public_key]);
  const id = Buffer.from(sha256(named)).toString('hex', 0, KEY_ID_BYTES);
  return { name, algorithm, public_key, id };
};

/** A key as the line that is handed to whoever checks. */
export const writeVerifierKey = ({ name, id, algorithm, public_key }: NoteKey): string =>
  `${name}+${id}+${Buffer.concat([Buffer.of(algorithm), public_key]).toString('base64')}`;

/** Reads such a line; undefined where it is none, or of an algorithm that is not known here. */
export const readVerifierKey = (sha256: Sha256, line: string): NoteKey | undefined => {
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(line.trim()) ?? [];
  const material = encoded === undefined ? undefined : fromBase64(encoded);
  if (name === undefined || !isKeyName(name) || material?.length !== 1 + PUBLIC_KEY_BYTES) return undefined;
  const algorithm = material[0];
  if (algorithm !== 1 && algorithm !== 4) return undefined;
  const key = noteKey(sha256, name, algorithm, material.subarray(1));
  return key.id === id ? key : undefined;
};

/** Signs a text of whole lines. */
export const signNote = (text: string, { key, sign }: NoteSigner): string => {
  if (!text.endsWith('\n')) throw new RangeError('a note consists of whole lines');
  return `${text}\n${signatureLine({ name: key.name, id: key.id, bytes: sign(Buffer.from(text)) })}`;
};

/** A signature as a line of a note. */
export const signatureLine = ({ name, id, bytes }: NoteSignature): string =>
  `${DASH} ${name} ${Buffer.concat([Buffer.from(id, 'hex'), bytes]).toString('base64')}\n`;

/** Reads a line of a note as a signature; undefined where it is none. */
const readSignatureLine = (line: string): NoteSignature | undefined => {
  const [, name, encoded] = /^— ([^ ]+) ([^ ]+)$/u.exec(line) ?? [];
  const bytes = encoded === undefined ? undefined : fromBase64(encoded);
  if (name === undefined || !isKeyName(name) || !bytes || bytes.length <= KEY_ID_BYTES) return undefined;
  return { name, id: bytes.toString('hex', 0, KEY_ID_BYTES), bytes: bytes.subarray(KEY_ID_BYTES) };
};

/** Reads signature lines; undefined where one of them is none. */
export const readSignatureLines = (text: string): readonly NoteSignature[] | undefined => {
  if (!text.endsWith('\n')) return undefined;
  const read = text.slice(0, -1).split('\n').map(readSignatureLine);
  const signatures = read.filter((signature) => signature !== undefined);
  return signatures.length === read.length && read.length <= MAX_SIGNATURES ? signatures : undefined;
};

/** Reads a note; undefined where the text is none. Nobody has checked its signatures yet. */
export const readNote = (note: string): SignedNote | undefined => {
  const end = note.lastIndexOf('\n\n');
  // Control characters other than newlines stand in no note.
  if (end < 0 || /[\0-\x09\x0b-\x1f]/.test(note)) return undefined;
  const signatures = readSignatureLines(note.slice(end + 2));
  return signatures && { text: note.slice(0, end + 1), signatures };
};

/** What a note's signature under a key is worth; a cosignature says when it was made, in seconds since 1970. */
export type SignatureCheck =
  { readonly found: 'valid'; readonly signed_at?: number } | { readonly found: 'invalid' | 'absent' };

/** Looks for a key's signature on a note and checks it. A wrong one counts more than a right one beside it. */
export const checkSignature = (
  verify: VerifyEd25519,
  { text, signatures }: SignedNote,
  key: NoteKey,
): SignatureCheck => {
  const checks = signatures
    .filter(({ name, id }) => name === key.name && id === key.id)
    .map(({ bytes }): SignatureCheck => {
      if (key.algorithm === 1)
        return { found: verify(key.public_key, Buffer.from(text), bytes) ? 'valid' : 'invalid' };
      if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) return { found: 'invalid' };
      const signed_at = Number(Buffer.from(bytes).readBigUInt64BE(0));
      const valid = verify(key.public_key, cosigned(text, signed_at), bytes.subarray(TIME_BYTES));
      return valid ? { found: 'valid', signed_at } : { found: 'invalid' };
    });
  return checks.find(({ found }) => found === 'invalid') ?? checks[0] ?? { found: 'absent' };
};

/** What a witness signs: the text, and when it did. */
const cosigned = (text: string, signed_at: number): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${signed_at}\n${text}`);

/** Signs a checkpoint's text as a witness does, at a time in seconds since 1970. */
export const cosign = (text: string, { key, sign }: NoteSigner, signed_at: number): NoteSignature => {
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(signed_at));
  return { name: key.name, id: key.id, bytes: Buffer.concat([time, sign(cosigned(text, signed_at))]) };
};

/** Standard base64, padded, in its one form; undefined where the text is none. */
export const fromBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
};
