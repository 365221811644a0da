import type { AlertId } from '../../ids.js';
import type { TelemetryChunk } from '../../telemetry/chunk.js';
import type { TelemetryEvent } from '../../telemetry/event.js';
import type { GroupField, GroupLabels } from '../rule.js';
import type { Cell } from './cell.js';
import type { Outcome } from './condition.js';
import type { Cause } from './transition.js';

/** Groups that one rule may have; what comes on top is counted together under {@link OTHER}. */
export const MAX_GROUPS = 1_000;
export const OTHER = '__other__';

/** Where a group's alert stands. `dismissed`: resolved by hand while the condition held; quiet once it has stopped. */
export type AlertStanding =
  | { readonly status: 'quiet' | 'dismissed' }
  | { readonly status: 'pending' | 'firing'; readonly alert_id: AlertId; readonly opened: number };

/** What is kept for one group of one rule: its counts by series and bucket, and its alert. */
export interface Group {
  readonly labels: GroupLabels;
  readonly windows: readonly Map<number, Cell>[];
  alert: AlertStanding;
  cause: Cause;
  /** What the last evaluation came to, until something is counted or falls out of the window. Not part of the state. */
  outcome?: { readonly whole: boolean; readonly outcome: Outcome } | undefined;
}

type Read = (chunk: TelemetryChunk, index: number) => string;

const column =
  (name: 'services' | 'routes' | 'methods'): Read =>
  (chunk, index) =>
    chunk[name].values[chunk[name].ids[index] ?? 0] ?? '';

const field =
  (name: 'environment' | 'region' | ('consumer' & keyof TelemetryEvent)): Read =>
  (chunk, index) =>
    chunk.events[index]?.[name] ?? '';

const readers: Readonly<Record<GroupField, Read>> = {
  service: column('services'),
  route: column('routes'),
  method: column('methods'),
  environment: field('environment'),
  region: field('region'),
  consumer: field('consumer'),
  status_class: ({ statuses }, index) => {
    const status = statuses[index] ?? 0;
    return status === 0 ? '' : `${String(Math.floor(status / 100))}xx`;
  },
};

/** Tells events of one group from those of another. */
export interface Grouping {
  readonly fields: ReadonlySet<string>;
  /** A text for each group; `''` where the rule has no groups. */
  readonly keyOf: Read;
  /** The group's labels; a field that its events do not have is left out. */
  readonly labelsOf: (chunk: TelemetryChunk, index: number) => GroupLabels;
  /** The key of the group that has these labels. */
  readonly keyFor: (labels: GroupLabels) => string;
  readonly other: GroupLabels;
}

const keyReader = (fields: readonly Read[]): Read => {
  const [first, ...rest] = fields;
  if (!first) return () => '';
  if (rest.length === 0) return first;
  return (chunk, index) => fields.map((read) => read(chunk, index)).join('\u0000');
};

/** Makes a grouping by some fields. Their order makes no difference. */
export const groupingBy = (fields: readonly GroupField[]): Grouping => {
  const sorted = [...new Set(fields)].sort();
  const keyFor = (labels: GroupLabels): string => sorted.map((name) => labels[name] ?? '').join('\u0000');
  const labelled = (valueOf: (name: GroupField) => string): GroupLabels =>
    Object.fromEntries(
      sorted.map((name) => [name, valueOf(name)] as const).filter(([, value]) => value !== ''),
    );
  return {
    fields: new Set(sorted),
    keyOf: keyReader(sorted.map((name) => readers[name])),
    labelsOf: (chunk, index) => labelled((name) => readers[name](chunk, index)),
    keyFor,
    other: labelled(() => OTHER),
  };
};
