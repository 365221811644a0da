/**
 * The system's code of an error (`ENOENT`, `EEXIST`), where it has one. Looks at the property alone: an error may come
 * from another realm, where `instanceof Error` says no.
 */
export const errorCode = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
