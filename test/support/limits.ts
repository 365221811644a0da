import type { ServerLimits } from '../../src/api/dependencies.js';
import { Quotas } from '../../src/commands/ingest/quotas.js';
import { systemClock } from '../../src/platform/clock.js';

/** Limits of a server that a test has something to say about. */
export const serverLimits: ServerLimits = {
  requests_per_minute: 60,
  tenant_requests_per_minute: 90,
  events_per_minute: 600,
  key_events_per_minute: 300,
  sign_ins_per_minute: 2,
  burst_seconds: 60,
  routes: 280,
};

/** Where no tenant has a quota. */
export const noQuotas = new Quotas(
  {
    read: () => Promise.reject(new Error('no tenant has a quota here')),
    caughtUp: () => Promise.resolve(false),
  },
  systemClock,
);
