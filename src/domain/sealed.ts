/**
 * A value of a person's, sealed under that person's own key. Once the key is destroyed nobody can open it, wherever it
 * was copied to. Stored format: names and fields are on disk for good.
 */
export interface Sealed {
  /** Whose key: the id of a user, or of the API key that somebody acts with. */
  readonly of: string;
  /** AES-256-GCM in base64url: 12 bytes nonce, 16 bytes tag, the encrypted JSON text. */
  readonly sealed: string;
}

/** As the log and the read models hold it: sealed, or plain where an earlier release wrote it. */
export type Personal<T> = T | Sealed;

export const isSealed = (value: unknown): value is Sealed =>
  typeof value === 'object' && value !== null && 'sealed' in value && typeof value.sealed === 'string';

/** A value that was opened. Throws where it is sealed still: a mistake in the program. */
export const opened = <T>(value: Personal<T>): T => {
  if (isSealed(value)) throw new Error('A sealed value was read without opening it.');
  return value;
};
