import type { Json } from '../json.js';

/** Fields that prove something to whoever has them, or to whoever can guess long enough, by their names. */
const SECRET = /(^|_)(hash|secret|token|password|otp)(s|es)?$/;

export const MASK = '***';

/** What is kept, as it may be shown: fields that hold secrets, or hashes of secrets, are masked wherever they stand. */
export const masked = (value: Json): Json => {
  if (Array.isArray(value)) return (value as readonly Json[]).map(masked);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value as Readonly<Record<string, Json>>);
  return Object.fromEntries(fields.map(([name, item]) => [name, SECRET.test(name) ? MASK : masked(item)]));
};
