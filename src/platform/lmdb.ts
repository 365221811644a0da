import { open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb';

/**
 * Opens an LMDB environment that bears a full disk, where all writing goes through `childTransaction` and
 * {@link committed}: each write is a transaction of its own. A commit of LMDB's batches of puts would reject a promise
 * that nobody holds, and end the process.
 */
export const openEnvironment = <K extends string | Buffer>(
  options: RootDatabaseOptionsWithPath,
): RootDatabase<K, K> => open<K, K>({ ...options, eventTurnBatching: false });

/** A transaction that could not be committed, on a full disk for instance; everything is as it was. */
export class LmdbWriteFailed extends Error {
  constructor(cause: unknown) {
    super('The LMDB file could not be written (is the disk full?).', { cause });
    this.name = 'LmdbWriteFailed';
  }
}

/**
 * A transaction's result. Where it could not be committed, LMDB's error carries a second promise, of the cause, which
 * rejects by itself, at some time or never.
 */
export const committed = async <T>(transaction: Promise<T>): Promise<T> => {
  try {
    return await transaction;
  } catch (error) {
    if (typeof error !== 'object' || error === null || !('commitError' in error)) throw error;
    Promise.resolve(error.commitError).catch(() => undefined);
    throw new LmdbWriteFailed(error);
  }
};
