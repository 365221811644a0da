/**
 * A transaction's result. One that could not be committed, on a full disk for instance, left everything as it was;
 * LMDB's error then carries a second promise, of the cause, which rejects by itself, at some time or never.
 */
export const committed = async <T>(transaction: Promise<T>): Promise<T> => {
  try {
    return await transaction;
  } catch (error) {
    if (typeof error !== 'object' || error === null || !('commitError' in error)) throw error;
    Promise.resolve(error.commitError).catch(() => undefined);
    throw new Error('The read models could not be written (is the disk full?).', { cause: error });
  }
};
