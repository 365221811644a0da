import type { Document } from './read-store.js';

/**
 * A document as both adapters store it: its JSON, and its byte arrays apart from it, in the order of their numbers.
 * In the text `{"$bytes":n}` stands for the n-th, `{"$bytes":[n,m]}` for a list of m from the n-th on; an own key of
 * that kind gets one more `$` in front.
 */
export interface Body {
  readonly text: string;
  readonly bytes: readonly Uint8Array[];
}

const isReserved = (key: string): boolean => key.startsWith('$') && /^\$+bytes$/.test(key);

/** Splits a document into text and bytes; fields that are undefined are left out. */
export const toBody = (document: Document): Body => {
  const bytes: Uint8Array[] = [];
  const text = JSON.stringify(withoutBytes(document, bytes));
  return { text, bytes };
};

/** The document again; its bytes are those that are given. */
export const fromBody = ({ text, bytes }: Body): Document => {
  const value: unknown = JSON.parse(text);
  return (text.includes('$bytes"') ? withBytes(value, bytes) : value) as Document;
};

/** What holds no bytes is given back as it is, so that most of a document is not copied. */
const withoutBytes = (value: unknown, bytes: Uint8Array[]): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: bytes.push(value) - 1 };
  if (Array.isArray(value)) return itemsWithoutBytes(value, bytes);
  const held = value as Readonly<Record<string, unknown>>;
  // Documents inherit nothing, and listing the keys of each of their objects takes longer than all else here.
  for (const key in held) if (isSpecial(key)) return specialWithoutBytes(held, bytes);
  let changed: Record<string, unknown> | undefined;
  for (const key in held) {
    const before = held[key];
    if (typeof before !== 'object') continue;
    const after = withoutBytes(before, bytes);
    if (after === before) continue;
    changed ??= { ...held };
    changed[key] = after;
  }
  return changed ?? value;
};

const isSpecial = (key: string): boolean => key === '__proto__' || isReserved(key);

/** `fromEntries` makes a plain property of a key named `__proto__`, which an assignment would not. */
const specialWithoutBytes = (value: Readonly<Record<string, unknown>>, bytes: Uint8Array[]): unknown =>
  Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      isReserved(key) ? `$${key}` : key,
      withoutBytes(item, bytes),
    ]),
  );

const itemsWithoutBytes = (items: readonly unknown[], bytes: Uint8Array[]): unknown => {
  if (items.length > 1 && items.every((item) => item instanceof Uint8Array))
    return { $bytes: [bytes.push(...items) - items.length, items.length] };
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const before = items[index];
    const after = withoutBytes(before, bytes);
    if (after === before) continue;
    copy ??= [...items];
    copy[index] = after;
  }
  return copy ?? items;
};

/** Where the key is ours its value is no list of anything else: an own one would have another name. */
const isRange = (value: unknown): value is readonly [number, number] => Array.isArray(value);

/** Changes the parsed value in place where it can: nobody else holds it. */
const withBytes = (value: unknown, bytes: readonly Uint8Array[]): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) value[index] = withBytes(item, bytes);
    return value;
  }
  const held = value as Record<string, unknown>;
  const number = Object.hasOwn(held, '$bytes') ? held['$bytes'] : undefined;
  if (typeof number === 'number') return bytes[number];
  if (isRange(number)) return bytes.slice(number[0], number[0] + number[1]);
  const keys = Object.keys(held);
  for (const key of keys) {
    const before = held[key];
    if (typeof before === 'object') held[key] = withBytes(before, bytes);
  }
  if (!keys.some((key) => isReserved(key))) return held;
  return Object.fromEntries(
    Object.entries(held).map(([key, item]) => [isReserved(key) ? key.slice(1) : key, item]),
  );
};
