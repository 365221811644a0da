import { alertEventTypes } from '../../domain/alerting/alert.js';
import type { IndexSpec } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';
import { alertPart, foldAlert, type AlertDocument, type AlertPart } from './alert-document.js';

export const byTime: IndexSpec = { name: 'by_time', fields: ['started_at'] };
export const byState: IndexSpec = { name: 'by_state', fields: ['state', 'started_at'] };
export const bySeverity: IndexSpec = { name: 'by_severity', fields: ['severity', 'started_at'] };
export const byRule: IndexSpec = { name: 'by_rule', fields: ['rule_id', 'started_at'] };

/** Every alert that there was. */
export const alerts = defineProjection<AlertDocument, AlertPart>({
  name: 'alerts',
  version: 1,
  reads: alertEventTypes,
  history: 'stream',
  indexes: [byTime, byState, bySeverity, byRule],
  parts: (recorded) => {
    const found = alertPart(recorded);
    return found ? [{ tenant: found.tenant, id: found.part.alert_id, part: found.part }] : [];
  },
  fold: foldAlert,
});
