import type { AlertState } from '../../domain/alerting/alert.js';
import { severities, type Severity } from '../../domain/alerting/rule.js';
import type { TenantId } from '../../domain/ids.js';
import type { Position } from '../../eventstore/event-store.js';
import type { AlertDocument } from '../alerts/alert-document.js';
import type { ReadModels } from '../read-models.js';
import { alertSummary, hourOf, SUMMARY_ID, type AlertHour } from './projection.js';

export interface AlertSummary {
  readonly position: Position;
  readonly by_state: Readonly<Record<AlertState, number>>;
  /** Of the alerts that are not resolved. */
  readonly by_severity: Readonly<Record<Severity, number>>;
  /** The last ones that began, the newest first. */
  readonly recent: readonly AlertDocument[];
  /** The last 24 hours, the oldest first. */
  readonly trend: readonly AlertHour[];
}

const HOUR_MS = 3_600_000;
const TREND_HOURS = 24;

/** A tenant's alerts at a glance, as of a time (epoch milliseconds). */
export const getAlertSummary = async (
  models: ReadModels,
  tenant: TenantId,
  now: number,
): Promise<AlertSummary> => {
  const position = models.position(alertSummary);
  const summary = await models.read(alertSummary, tenant).get(SUMMARY_ID);
  const open = Object.values(summary?.open ?? {});
  const count = (state: AlertState): number => open.filter((alert) => alert.state === state).length;
  const hours = new Map((summary?.hours ?? []).map((hour) => [hour.time, hour] as const));
  return {
    position,
    by_state: {
      pending: count('pending'),
      firing: count('firing'),
      acknowledged: count('acknowledged'),
      escalated: count('escalated'),
      resolved: summary?.resolved ?? 0,
    },
    by_severity: Object.fromEntries(
      severities.map((severity) => [severity, open.filter((alert) => alert.severity === severity).length]),
    ) as Record<Severity, number>,
    recent: summary?.recent ?? [],
    trend: Array.from({ length: TREND_HOURS }, (_, index) => {
      const time = hourOf(now - (TREND_HOURS - 1 - index) * HOUR_MS);
      return hours.get(time) ?? { time, fired: 0, resolved: 0 };
    }),
  };
};
