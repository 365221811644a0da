export const NAMESPACE_NOT_FOUND = 26;
export const DUPLICATE_KEY = 11000;

/** The code of a server's error. */
export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
