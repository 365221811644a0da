import type { DomainEvent } from './decider.js';
import type { JsonObject } from './json.js';

/** An event as the log holds it. */
export interface StoredEvent {
  readonly type: string;
  readonly schema_version: number;
  readonly data: JsonObject | Uint8Array;
}

type Upcaster = (data: JsonObject) => JsonObject;

/**
 * From each old schema version of an event to the next: `upcasters.AlertRuleDefined[1]` makes version 2 of version 1.
 * Old versions stay readable for good; a step is never changed once released.
 */
const upcasters: Readonly<Record<string, Readonly<Record<number, Upcaster>>>> = {};

/**
 * Reads a stored event as one of a decider's events, brought up to its newest schema version; undefined where its
 * type is none of them. The log holds only what a decision made and the writer stamped: this is the one place that
 * takes its word for it.
 */
export const readEvent = <Event extends DomainEvent>(
  types: readonly Event['type'][],
  stored: StoredEvent,
): Event | undefined => {
  if (!types.includes(stored.type) || stored.data instanceof Uint8Array) return undefined;
  let data = stored.data;
  for (let version = stored.schema_version; ; version += 1) {
    const upcast = upcasters[stored.type]?.[version];
    if (!upcast) break;
    data = upcast(data);
  }
  return { type: stored.type, data } as unknown as Event;
};
