import { readCheckpoint, type Checkpoint } from '../domain/integrity/checkpoint.js';
import { checkSignature, noteKey, readNote, type NoteKey } from '../domain/integrity/signed-note.js';
import { verifyEd25519 } from './keys.js';
import { sha256 } from './raw-segment.js';

/** A checkpoint that is to vouch for the log, and where it was found. */
export interface Voucher {
  readonly note: string;
  /** The number of the record that it was found in; absent: outside the log. */
  readonly record?: number;
  /** To people: where it was found. */
  readonly found_in: string;
}

/** Whose signatures count. */
export interface Trust {
  /** Of the log: one of them must have signed. */
  readonly keys: readonly NoteKey[];
  /** The log's own public key, where it was not handed to us: it goes by the name that the checkpoint has. */
  readonly unnamed?: Uint8Array;
  /** Of witnesses: each must have signed the copies that are said to be its own. */
  readonly witness_keys: readonly NoteKey[];
}

/** Reads a checkpoint whose signatures hold; or says why it vouches for nothing. */
export const readVoucher = ({ note, record }: Voucher, trust: Trust): Checkpoint | string => {
  const signed = readNote(note);
  const checkpoint = signed && readCheckpoint(signed.text);
  if (!checkpoint) return 'it is no signed checkpoint';
  const keys = trust.unnamed
    ? [...trust.keys, noteKey(sha256, checkpoint.origin, 1, trust.unnamed)]
    : trust.keys;
  const own = keys.filter(({ name }) => name === checkpoint.origin);
  const found = own.map((key) => checkSignature(verifyEd25519, signed, key).found);
  if (found.includes('invalid')) return 'the signature under the log’s key does not hold';
  if (!found.includes('valid'))
    return `it is not signed by the log’s key, but says to be of ${checkpoint.origin}`;
  for (const key of record === undefined ? trust.witness_keys : [])
    if (checkSignature(verifyEd25519, signed, key).found !== 'valid')
      return `it is not signed by the witness ${key.name}`;
  return checkpoint;
};

/** Takes a witness's file apart into its checkpoints: each ends with signature lines, an empty line between two. */
export const notesIn = (text: string): readonly string[] =>
  text
    .split(/\n\n(?!— )/u)
    .map((note) => note.replace(/^\n+/, ''))
    .filter((note) => note.trim() !== '')
    .map((note) => (note.endsWith('\n') ? note : `${note}\n`));
