import type { Json } from '../domain/json.js';

/** Longer texts are no cursors of ours; it bounds what a stranger can make us parse. */
const LONGEST = 4096;

/** Makes a list's opaque cursor: where the next page goes on, as base64url of JSON. */
export const encodeCursor = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Reads a cursor from outside; undefined where the text is none that {@link encodeCursor} could have made. */
export const decodeCursor = (text: string): Json | undefined => {
  if (text.length > LONGEST || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString()) as Json;
    return encodeCursor(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
};
