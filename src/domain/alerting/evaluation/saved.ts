import type { RuleId, TenantId } from '../../ids.js';
import type { Cell } from './cell.js';
import { AlertEvaluation, type EvaluationOptions, type Orphan } from './evaluation.js';
import type { AlertStanding, Group } from './group.js';
import type { Cause } from './transition.js';
import { RuleWatch, type WatchedRule } from './watch.js';

/**
 * Raised when a release before could not go on with a state of this one: it then starts from the log's beginning.
 * 2: counts may have fractions.
 */
export const EVALUATION_VERSION = 2;
/** States that this release can go on with. */
const READABLE: ReadonlySet<number> = new Set([1, EVALUATION_VERSION]);

type SavedCell = readonly [
  bucket: number,
  ...counts: readonly [number, number, number, number, number, number, number, number],
  latencies: string,
  users: null | readonly [level: number, kept: readonly number[]],
];

interface SavedGroup {
  readonly key: string;
  readonly labels: Group['labels'];
  readonly alert: AlertStanding;
  readonly cause: Cause;
  readonly windows: readonly (readonly SavedCell[])[];
}

interface SavedWatch {
  readonly rule: WatchedRule;
  readonly since: number;
  readonly cause: Cause;
  readonly groups: readonly SavedGroup[];
}

/** An evaluation's whole state as JSON. */
export interface SavedEvaluation {
  readonly version: number;
  readonly grid_ms: number;
  readonly time: number;
  readonly boundary: number | null;
  readonly tenants: readonly {
    readonly tenant_id: TenantId;
    readonly orphans: readonly Orphan[];
    readonly watches: readonly SavedWatch[];
  }[];
}

export const saveEvaluation = (evaluation: AlertEvaluation): SavedEvaluation => ({
  version: EVALUATION_VERSION,
  grid_ms: evaluation.options.grid_ms,
  time: evaluation.time,
  boundary: evaluation.boundary ?? null,
  tenants: [...evaluation.tenants].map(([tenant_id, { orphans, watches }]) => ({
    tenant_id,
    orphans,
    watches: [...watches.values()].map(({ rule, since, cause, groups }) => ({
      ...{ rule, since, cause },
      groups: [...groups].map(([key, group]) => saveGroup(key, group)),
    })),
  })),
});

/** Makes an evaluation of a saved state; undefined where it was saved by another version or on another grid. */
export const restoreEvaluation = (
  saved: SavedEvaluation,
  options: EvaluationOptions,
): AlertEvaluation | undefined => {
  if (!READABLE.has(saved.version) || saved.grid_ms !== options.grid_ms) return undefined;
  const evaluation = new AlertEvaluation(options);
  evaluation.resume(saved.time, saved.boundary ?? undefined);
  for (const { tenant_id, orphans, watches } of saved.tenants)
    evaluation.tenants.set(tenant_id, {
      orphans: [...orphans],
      watches: new Map<RuleId, RuleWatch>(
        watches.map((watch) => [watch.rule.rule_id, restoreWatch(watch, options)]),
      ),
    });
  return evaluation;
};

const saveGroup = (key: string, { labels, alert, cause, windows }: Group): SavedGroup => ({
  ...{ key, labels, alert, cause },
  windows: windows.map((window) => [...window].map(([bucket, cell]) => saveCell(bucket, cell))),
});

const restoreWatch = ({ rule, since, cause, groups }: SavedWatch, options: EvaluationOptions): RuleWatch => {
  const watch = new RuleWatch(rule, since, cause, options.grid_ms, options.nameAlert);
  for (const { key, labels, alert, cause: last, windows } of groups)
    watch.groups.set(key, {
      ...{ labels, alert, cause: last },
      windows: windows.map((cells) => new Map(cells.map(restoreCell))),
    });
  return watch;
};

const saveCell = (bucket: number, cell: Cell): SavedCell => [
  bucket,
  ...([cell.count, cell.errors, cell.client_errors, cell.timed] as const),
  ...([cell.sum_us, cell.max_ms, cell.satisfied, cell.tolerating] as const),
  Buffer.from(cell.latencies).toString('base64'),
  cell.users ? [cell.users.level, [...cell.users.kept]] : null,
];

const restoreCell = ([bucket, count, errors, client_errors, timed, ...rest]: SavedCell): [number, Cell] => {
  const [sum_us, max_ms, satisfied, tolerating, latencies, users] = rest;
  return [
    bucket,
    {
      ...{ count, errors, client_errors, timed, sum_us, max_ms, satisfied, tolerating },
      latencies: new Uint8Array(Buffer.from(latencies, 'base64')),
      ...(users && { users: { level: users[0], kept: new Set(users[1]) } }),
    },
  ];
};
