import type { TenantLimits } from './limits.js';

/** What a tenant has stored. */
export interface Usage {
  readonly events: number;
  /** Of the events' JSON texts, as received. */
  readonly bytes: number;
}

export const NO_USAGE: Usage = { events: 0, bytes: 0 };

export const addUsage = (one: Usage, other: Usage): Usage => ({
  events: one.events + other.events,
  bytes: one.bytes + other.bytes,
});

export const lessUsage = (one: Usage, other: Usage): Usage => ({
  events: one.events - other.events,
  bytes: one.bytes - other.bytes,
});

/** What may be stored in a day. */
export type Quota = Pick<TenantLimits, 'events_per_day' | 'bytes_per_day'>;

export const hasQuota = ({ events_per_day, bytes_per_day }: Quota): boolean =>
  events_per_day !== undefined || bytes_per_day !== undefined;

/** What is left of a quota, never below zero; infinite where there is none. */
export const leftOf = ({ events_per_day, bytes_per_day }: Quota, used: Usage): Usage => ({
  events: Math.max(0, (events_per_day ?? Infinity) - used.events),
  bytes: Math.max(0, (bytes_per_day ?? Infinity) - used.bytes),
});

const DAY_MS = 86_400_000;

/** The UTC day of a time in epoch milliseconds: `2026-03-01`. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Seconds from a time until the next UTC day begins, rounded up. */
export const secondsOfDayLeft = (time: number): number =>
  Math.ceil((DAY_MS - (((time % DAY_MS) + DAY_MS) % DAY_MS)) / 1000);
