import { accept, type Decider, type Decision } from '../decider.js';
import type { TenantId } from '../ids.js';
import type { RevisionRanges } from '../revision-ranges.js';
import { readEvent, type StoredEvent } from '../stored-event.js';

/** How long a tenant's telemetry is kept, by when events happened: so many days, or for good. */
export type RetentionDays = number | null;

/** What was retired, said once for all: nobody can tell afterwards from what is left. */
export interface RetiredTelemetry {
  /** The rule by which it was: so many days. */
  readonly days: number;
  /** RFC 3339, midnight in UTC: every event of these chunks happened before it. */
  readonly before: string;
  /** The chunks: streams and revisions of their records. */
  readonly records: RevisionRanges;
  /** How many chunks, and how many events in them. */
  readonly chunks: number;
  readonly events: number;
  /** RFC 3339: when the earliest and the latest of the events happened. */
  readonly earliest: string;
  readonly latest: string;
  /** Positions of the first and the last of the chunks in the log. */
  readonly first_position: string;
  readonly last_position: string;
  /** The days, as UTC has them, on which the chunks were recorded: `2026-03-01`. */
  readonly recorded_on: readonly string[];
  /**
   * The root of the Merkle tree (RFC 6962) over the chunks' leaf hashes in the log's order, in hexadecimal digits.
   * Absent where the log is kept by a server that has none.
   */
  readonly leaf_root?: string;
  /** All of this as a note that the log's key has signed (c2sp.org/signed-note); absent where it has none. */
  readonly statement?: string;
}

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export interface RetirementEvent {
  readonly type: 'TelemetryRetired';
  readonly data: RetiredTelemetry;
}

/** The type of the record that says which chunks are gone. */
export const TELEMETRY_RETIRED = 'TelemetryRetired';

export const retirementEventTypes = [TELEMETRY_RETIRED] as const;

/** What was retired of a tenant's telemetry so far. */
export interface Retirements {
  readonly chunks: number;
  readonly events: number;
}

export const retirementDecider: Decider<Retirements, RetirementEvent> = {
  initial: { chunks: 0, events: 0 },
  evolve: ({ chunks, events }, { data }) => ({ chunks: chunks + data.chunks, events: events + data.events }),
};

/** Retires some chunks. Which of them is for those to find out who can read the log. */
export const retire = (_retirements: Retirements, retired: RetiredTelemetry): Decision<RetirementEvent> =>
  accept([{ type: TELEMETRY_RETIRED, data: retired }]);

const DAY_MS = 86_400_000;

/** Events that happened before this time are not taken: epoch milliseconds. */
export const oldestAccepted = (days: RetentionDays, now: number): number =>
  days === null ? -Infinity : now - days * DAY_MS;

/** Whole days are retired, as UTC has them: every rollup is then of days that are there or of days that are not. */
export const retiredBefore = (days: number, now: number): number => startOfDay(now - days * DAY_MS);

/** Midnight before a time, or at it, in UTC. */
export const startOfDay = (time: number): number => Math.floor(time / DAY_MS) * DAY_MS;

/** The first midnight after a time, in UTC. */
export const nextDay = (time: number): number => startOfDay(time) + DAY_MS;

/** What a record says was retired, and of whom; undefined where it is another kind of record. */
export const retirementIn = (
  record: StoredEvent & { readonly metadata: { readonly tenant_id?: TenantId } },
): (RetiredTelemetry & { readonly tenant: TenantId }) | undefined => {
  const event = readEvent<RetirementEvent>(retirementEventTypes, record);
  const tenant = record.metadata.tenant_id;
  return event && tenant !== undefined ? { ...event.data, tenant } : undefined;
};

/** What is known of a chunk that may be retired. */
export interface RetirableChunk {
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly count: number;
  /** Epoch milliseconds of the earliest and the latest event. */
  readonly min_time: number;
  readonly max_time: number;
  /** RFC 3339. */
  readonly recorded_at: string;
}

/** What a statement says of its chunks by themselves. At least one chunk. */
export const statementOf = (
  chunks: readonly RetirableChunk[],
): Pick<
  RetiredTelemetry,
  'chunks' | 'events' | 'earliest' | 'latest' | 'first_position' | 'last_position' | 'recorded_on'
> => {
  const iso = (time: number): string => new Date(time).toISOString();
  const positions = chunks.map(({ position }) => position).toSorted();
  return {
    chunks: chunks.length,
    events: chunks.reduce((sum, { count }) => sum + count, 0),
    earliest: iso(chunks.reduce((least, { min_time }) => Math.min(least, min_time), Infinity)),
    latest: iso(chunks.reduce((most, { max_time }) => Math.max(most, max_time), -Infinity)),
    first_position: positions.at(0) ?? '',
    last_position: positions.at(-1) ?? '',
    recorded_on: [...new Set(chunks.map(({ recorded_at }) => recorded_at.slice(0, 10)))].sort(),
  };
};

/** The first line of a statement: no checkpoint of a log begins like this. */
const STATEMENT = 'pulsestream/retention/v1';

/** What is signed of a retirement: a line for each thing it says. */
export const statementText = (tenant: TenantId, retired: RetiredTelemetry): string =>
  [
    STATEMENT,
    `tenant ${tenant}`,
    `kept ${retired.days} days`,
    `before ${retired.before}`,
    `chunks ${retired.chunks}`,
    `events ${retired.events}`,
    `happened ${retired.earliest} ${retired.latest}`,
    `recorded ${retired.recorded_on.join(' ')}`,
    `positions ${retired.first_position} ${retired.last_position}`,
    `records ${JSON.stringify(retired.records)}`,
    `leaf-root ${retired.leaf_root ?? 'none'}`,
    '',
  ].join('\n');
