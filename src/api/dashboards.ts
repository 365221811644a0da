import { Type } from 'typebox';
import type { TenantId } from '../domain/ids.js';
import { getAlertSummary } from '../projections/alert-summary/query.js';
import { overview, type Overview } from '../projections/dashboard/overview.js';
import type { ReadModels } from '../projections/read-models.js';

/** How far back the real-time metrics look. */
export const Window = Type.String({
  pattern: '^\\d{1,8}[smhd]?$',
  description: '1 minute to 31 days: 5m, 15m, 1h, 6h, 24h, 7d, or seconds.',
});
export const DEFAULT_WINDOW = '15m';

/** The overview with the alerts in it, both as of the earlier of their positions at least. */
export const overviewWithAlerts = async (
  models: ReadModels,
  tenant: TenantId,
  now: number,
): Promise<Overview & { readonly alerts: object }> => {
  const [traffic, alerts] = await Promise.all([
    overview(models, tenant, now),
    getAlertSummary(models, tenant, now),
  ]);
  const position = traffic.position < alerts.position ? traffic.position : alerts.position;
  return { ...traffic, alerts, position };
};
