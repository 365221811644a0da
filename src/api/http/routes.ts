import { openapi } from '../openapi.js';
import { deployment } from './deployment.js';
import { jobs } from './jobs.js';
import { limits } from './limits.js';
import { operations } from './operations.js';
import { defineRoute, type Route } from './route.js';
import { open } from './schemas.js';
import { retention } from './retention.js';
import { alerting } from './v1/alerting.js';
import { auth } from './v1/auth.js';
import { cloudevents } from './v1/cloud-events.js';
import { dashboard } from './v1/dashboard.js';
import { ingestBatch, ingestion, ingestOne } from './v1/ingestion.js';
import { otlp } from './v1/otlp.js';
import { auditPast } from './v2/audit/past.js';
import { auditLog, operatorTrail, tenantTrail } from './v2/audit/trail.js';
import { auditReplays, operatorReplays } from './v2/audit/replays.js';
import { auditProofs } from './v2/audit/proofs.js';
import { auditDeployments } from './v2/audit/deployments.js';
import { auditLegitimacy } from './v2/audit/legitimacy.js';
import { auditErasures } from './v2/audit/erasures.js';
import { auditQuarantine } from './v2/audit/quarantine.js';
import { ingestionV2 } from './v2/ingestion.js';
import { people } from './v2/people.js';
import { routing } from './v2/routes.js';

const document = defineRoute({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document.',
  tags: ['operations'],
  auth: 'public',
  responses: { 200: { description: 'OpenAPI 3.1.', schema: open({}) } },
  handle: (_request, { config }) => Promise.resolve({ status: 200, body: openapi(routes, config.release) }),
});

/** Everything that is served: the registration, the checks and the document come from this one table. */
export const routes: readonly Route[] = [
  ...auth,
  auditLog,
  ...people,
  ...ingestion,
  ...routing,
  ...otlp,
  ...cloudevents,
  ...ingestionV2,
  ...limits,
  ...retention,
  ...alerting,
  ...dashboard,
  ...operations,
  ...deployment,
  ...auditQuarantine,
  ...auditErasures,
  ...auditDeployments,
  ...auditLegitimacy,
  ...jobs,
  ...auditPast,
  ...auditProofs,
  ...tenantTrail,
  ...operatorTrail,
  ...auditReplays,
  ...operatorReplays,
  document,
];

/** The routes that clients send telemetry to are found without Express, which would cost three times their own work. */
export const hotRoutes: ReadonlyMap<string, Route> = new Map(
  [ingestOne, ingestBatch, ...otlp].map((route) => [route.path, route]),
);
