import { Type } from 'typebox';
import { setTenantLimits } from '../../commands/set-tenant-limits.js';
import { MAX_BATCH_EVENTS } from '../../commands/ingest/ingest.js';
import { uuidOf, type TenantId } from '../../domain/ids.js';
import { MAX_EVENT_BYTES } from '../../domain/telemetry/event-limits.js';
import { TenantLimits } from '../../domain/tenancy/limits.js';
import { dayOf } from '../../domain/tenancy/usage.js';
import { usage } from '../../projections/usage/projection.js';
import { listUsage, usageOf } from '../../projections/usage/query.js';
import type { ApiServices } from '../dependencies.js';
import { answer, found, listing, notFound, tenantOf } from './answers.js';
import { etag } from './context.js';
import { defineRoute, type Route } from './route.js';
import { closed, listOf, open, page, Position, Time } from './schemas.js';
import { BATCH_BYTES } from './v1/ingestion.js';

const Version = Type.Integer({ minimum: 0, description: 'What If-Match is held against.' });
const ETag = { ETag: 'The version: "v7".' };

const Used = { events: Type.Integer({ minimum: 0 }), bytes: Type.Integer({ minimum: 0 }) };
const Day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'UTC.' });

const Holding = open({
  limits: open(TenantLimits.properties, 'LimitsInForce'),
  own: open(TenantLimits.properties, 'OwnLimits'),
  version: Version,
  today: open({ day: Day, ...Used, ends_at: Time }),
  position: Position,
});

const names = Object.keys(TenantLimits.properties) as (keyof TenantLimits)[];

/** What holds, everything by name; and which of it was set for this tenant. */
const shown = async (tenant: TenantId, { settings, models, clock }: ApiServices) => {
  const { limits, own_limits, version } = await settings.of(tenant);
  const now = clock.now();
  const day = dayOf(now);
  const { used, position } = await usageOf(models, tenant, day);
  const ends_at = new Date(Date.parse(day) + DAY_MS).toISOString();
  const sizes = { batch_events: MAX_BATCH_EVENTS, body_bytes: BATCH_BYTES, event_bytes: MAX_EVENT_BYTES };
  const holding = { ...sizes, ...limits };
  return {
    limits: Object.fromEntries(
      names.flatMap((name) => (holding[name] === undefined ? [] : [[name, holding[name]]])),
    ),
    own: own_limits,
    version,
    today: { day, ...used, ends_at },
    position,
  };
};

const ofTenant = defineRoute({
  method: 'GET',
  path: '/api/v2/ingestion/limits',
  summary: 'What this tenant may send, and what it stored today.',
  description:
    'Rates are of a minute; a quota that is not named is none. `own` is what the operator has set.',
  tags: ['ingestion'],
  auth: 'signed_in',
  reads: [usage],
  responses: { 200: { description: 'The limits.', schema: Holding, headers: ETag } },
  async handle(request, api) {
    const holding = await shown(tenantOf(request), api);
    return found(holding, { ETag: etag(holding.version) });
  },
});

const DAY_MS = 86_400_000;
const params = closed({ tenant_id: Type.String({ maxLength: 64 }) });

const get = defineRoute({
  method: 'GET',
  path: '/_ops/tenants/{tenant_id}/limits',
  summary: 'What a tenant may send.',
  tags: ['operations'],
  auth: 'operator',
  params,
  responses: { 200: { description: 'The limits.', schema: Holding, headers: ETag } },
  problems: [404],
  async handle(request, api) {
    const { tenant_id } = request.params;
    const holding = uuidOf('tenant', tenant_id) && (await shown(tenant_id as TenantId, api));
    return holding && holding.version > 0
      ? found(holding, { ETag: etag(holding.version) })
      : notFound(request, 'tenant');
  },
});

const put = defineRoute({
  method: 'PUT',
  path: '/_ops/tenants/{tenant_id}/limits',
  summary: 'Says what a tenant may send, in place of what was said before; in force within a second.',
  description: 'What is left out is as the server is configured; a quota that is left out is none.',
  tags: ['operations'],
  auth: 'operator',
  conditional: true,
  params,
  body: { schema: TenantLimits },
  responses: {
    200: {
      description: 'The limits that were set.',
      schema: open({ own: TenantLimits, version: Version, position: Position }),
      headers: { ...ETag, 'X-PulseStream-Position': 'The log position that this reached.' },
    },
  },
  problems: [404],
  async handle(request, api) {
    const { tenant_id } = request.params;
    const input = { tenant_id, limits: request.body };
    const result = await api.pipeline.execute(setTenantLimits, input, request.context);
    return answer(result, request, api, {
      status: 200,
      body: ({ limits: own, version }) => ({ own, version }),
      headers: ({ version }) => ({ ETag: etag(version) }),
    });
  },
});

const days = defineRoute({
  method: 'GET',
  path: '/api/v2/ingestion/usage',
  summary: 'What this tenant stored, by UTC day, the newest first; days without anything are left out.',
  tags: ['ingestion'],
  auth: 'tenant:read',
  reads: [usage],
  query: closed(page),
  responses: {
    200: {
      description: 'A page of them.',
      schema: listOf(open({ day: Day, ...Used })),
      headers: { Link: 'The next page (rel="next").' },
    },
  },
  handle: (request, { models }) =>
    listing(request, async (paging) => {
      const listed = await listUsage(models, tenantOf(request), paging);
      return (
        listed && { ...listed, data: listed.data.map(({ day, events, bytes }) => ({ day, events, bytes })) }
      );
    }),
});

/** Limits of tenants: set by the operator, seen by the tenant. */
export const limits: readonly Route[] = [ofTenant, days, get, put];
