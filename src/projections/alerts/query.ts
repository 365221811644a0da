import type { AlertState } from '../../domain/alerting/alert.js';
import type { Severity } from '../../domain/alerting/rule.js';
import type { TenantId } from '../../domain/ids.js';
import { pageOf, type Page, type Paging, type Walk } from '../paging.js';
import type { ReadModels } from '../read-models.js';
import type { AlertDocument } from './alert-document.js';
import { alerts, byRule, bySeverity, byState, byTime } from './projection.js';

/** Which alerts; all that is given must hold. */
export interface AlertFilter {
  readonly state?: AlertState;
  readonly severity?: Severity;
  readonly rule_id?: string;
  /** RFC 3339: begun at this time or later. */
  readonly from?: string;
  /** RFC 3339: begun before this time. */
  readonly to?: string;
}

export const getAlert = (
  models: ReadModels,
  tenant: TenantId,
  id: string,
): Promise<AlertDocument | undefined> => models.read(alerts, tenant).get(id);

/** Alerts, the newest first; undefined where `after` is no place among them. A time that is none holds for no alert. */
export const listAlerts = async (
  models: ReadModels,
  tenant: TenantId,
  { limit, after, ...filter }: AlertFilter & Paging,
): Promise<Page<AlertDocument> | undefined> => {
  const from = toTime(filter.from);
  const to = toTime(filter.to);
  if (from === null || to === null) return { data: [], position: models.position(alerts) };
  const walk: Walk<AlertDocument> = {
    ...narrowest(filter),
    order: 'descending',
    range: { ...(from !== undefined && { from }), ...(to !== undefined && { to }) },
    keep: (alert) =>
      (filter.state === undefined || alert.state === filter.state) &&
      (filter.severity === undefined || alert.severity === filter.severity) &&
      (filter.rule_id === undefined || alert.rule_id === filter.rule_id) &&
      (to === undefined || alert.started_at < to),
  };
  return pageOf(models, alerts, tenant, walk, { limit, ...(after !== undefined && { after }) });
};

/** The index that leaves the fewest documents to look at; the rest of the filter is applied to those. */
const narrowest = ({
  state,
  severity,
  rule_id,
}: AlertFilter): Pick<Walk<AlertDocument>, 'index' | 'equals'> => {
  if (state !== undefined && state !== 'resolved') return { index: byState, equals: [state] };
  if (rule_id !== undefined) return { index: byRule, equals: [rule_id] };
  if (severity !== undefined) return { index: bySeverity, equals: [severity] };
  return state !== undefined ? { index: byState, equals: [state] } : { index: byTime };
};

/** A time in the form in which documents have it; null where the text is no time. */
const toTime = (text: string | undefined): string | null | undefined => {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
};
