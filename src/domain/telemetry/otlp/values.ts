import type { TelemetryEvent } from '../event.js';
import type { OtlpMap, OtlpValue } from './model.js';

type Scalar = string | number | boolean | null;
export type ScalarAttributes = NonNullable<TelemetryEvent['attributes']>;

const MAX_ATTRIBUTES = 64;
const LONGEST_NAME = 128;
const LONGEST_VALUE = 8192;
/** Characters that an event's attributes may have together, so that escaping them does not make it too large. */
const LONGEST_TOGETHER = 32_768;
/** Maps inside maps become names with dots so far down; below, JSON text. */
const FLATTENED = 4;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** The beginning of a text that is too long; no character is cut in two. */
export const clip = (text: string, length: number): string => {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
};

const isMap = (value: OtlpValue): value is OtlpMap => value instanceof Map;

/** A value as JSON writes it. `Object.fromEntries` defines properties, so a name cannot reach a prototype. */
const plain = (value: OtlpValue): unknown => {
  if (isMap(value)) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]));
  return Array.isArray(value) ? value.map((inner: OtlpValue) => plain(inner)) : value;
};

/** A value as text: a text as it is, anything else as JSON. */
export const textOf = (value: OtlpValue): string =>
  typeof value === 'string' ? value : JSON.stringify(plain(value));

const scalarOf = (value: OtlpValue): Scalar => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'boolean' || value === null) return value;
  return clip(textOf(value), LONGEST_VALUE);
};

/** Collects attributes as an event takes them: flat, scalar, bounded. What came first stays. */
export class AttributeList {
  readonly #found = new Map<string, Scalar>();
  #characters = 0;

  add(name: string, value: OtlpValue | undefined, depth = 0): void {
    if (value === undefined || name === '') return;
    if (isMap(value) && depth < FLATTENED) {
      for (const [inner, of] of value) this.add(`${name}.${inner}`, of, depth + 1);
      return;
    }
    if (this.#found.size >= MAX_ATTRIBUTES || name.length > LONGEST_NAME) return;
    if (FORBIDDEN.has(name) || this.#found.has(name)) return;
    const scalar = scalarOf(value);
    const size = name.length + (typeof scalar === 'string' ? scalar.length : 8);
    if (this.#characters + size > LONGEST_TOGETHER) return;
    this.#characters += size;
    this.#found.set(name, scalar);
  }

  /** As an event's field; nothing where there are none. */
  field(): { readonly attributes?: ScalarAttributes } {
    return this.#found.size === 0 ? {} : { attributes: Object.fromEntries(this.#found) };
  }
}

/** The first of some attributes that is there as a text that is not empty. */
export const firstText = (map: OtlpMap, ...names: readonly string[]): string | undefined => {
  for (const name of names) {
    const value = map.get(name);
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number') return String(value);
  }
  return undefined;
};

/** The first of some attributes that is there as a whole number; older senders write them as text. */
export const firstInteger = (map: OtlpMap, ...names: readonly string[]): number | undefined => {
  for (const name of names) {
    const value = map.get(name);
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  }
  return undefined;
};

/** A text field of an event, cut to what it takes; nothing where there is no text. */
export const field = <N extends string>(
  name: N,
  text: string | undefined,
  length: number,
): { readonly [K in N]?: string } =>
  (text === undefined || text === '' ? {} : { [name]: clip(text, length) }) as { readonly [K in N]?: string };

const RESOURCE_ATTRIBUTES = ['service.version', 'deployment.id', 'host.name'] as const;

/** What a resource says about all that comes from it. */
export const ofResource = (
  resource: OtlpMap,
): Pick<TelemetryEvent, 'service' | 'environment' | 'region'> => ({
  ...field('service', firstText(resource, 'service.name'), 128),
  ...field('environment', firstText(resource, 'deployment.environment.name', 'deployment.environment'), 64),
  ...field('region', firstText(resource, 'cloud.region'), 64),
});

export const addResource = (list: AttributeList, resource: OtlpMap): void => {
  for (const name of RESOURCE_ATTRIBUTES) list.add(name, resource.get(name));
};
