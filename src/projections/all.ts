import { alertSummary } from './alert-summary/projection.js';
import { alerts } from './alerts/projection.js';
import { auditTrail } from './audit-trail/projection.js';
import { apiKeys } from './api-keys/projection.js';
import { chunkIndex } from './chunk-index/projection.js';
import { metrics } from './metrics/projection.js';
import type { AnyProjection } from './projection.js';
import { quarantines } from './quarantines/projection.js';
import { recentEvents } from './recent-events/projection.js';
import { routeBooks } from './routes/projection.js';
import { rules } from './rules/projection.js';
import { tenants } from './tenants/projection.js';
import { usage } from './usage/projection.js';
import { users } from './users/projection.js';

/** Every read model. */
export const projections: readonly AnyProjection[] = [
  tenants,
  users,
  apiKeys,
  rules,
  alerts,
  alertSummary,
  metrics,
  chunkIndex,
  recentEvents,
  quarantines,
  routeBooks,
  usage,
  auditTrail,
];
