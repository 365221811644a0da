import { Type } from 'typebox';
import { setTenantLimits } from '../../commands/set-tenant-limits.js';
import type { Settings } from '../../commands/access/tenant-settings.js';
import { MAX_BATCH_EVENTS } from '../../commands/ingest/ingest.js';
import { uuidOf, type TenantId } from '../../domain/ids.js';
import { MAX_EVENT_BYTES } from '../../domain/telemetry/event.js';
import { TenantLimits } from '../../domain/tenancy/limits.js';
import { answer, notFound, tenantOf } from './answers.js';
import { etag } from './context.js';
import { defineRoute, type Route } from './route.js';
import { closed, open, Position } from './schemas.js';
import { BATCH_BYTES } from './v1/ingestion.js';

const Version = Type.Integer({ minimum: 0, description: 'What If-Match is held against.' });
const ETag = { ETag: 'The version: "v7".' };

const Holding = open({
  limits: open(TenantLimits.properties, 'LimitsInForce'),
  own: open(TenantLimits.properties, 'OwnLimits'),
  version: Version,
});

const names = Object.keys(TenantLimits.properties) as (keyof TenantLimits)[];

/** What holds, everything by name; and which of it was set for this tenant. */
const shown = ({ limits, own_limits, version }: Settings) => {
  const sizes = { batch_events: MAX_BATCH_EVENTS, body_bytes: BATCH_BYTES, event_bytes: MAX_EVENT_BYTES };
  const holding = { ...sizes, ...limits };
  return {
    limits: Object.fromEntries(
      names.flatMap((name) => (holding[name] === undefined ? [] : [[name, holding[name]]])),
    ),
    own: own_limits,
    version,
  };
};

const ofTenant = defineRoute({
  method: 'GET',
  path: '/api/v2/ingestion/limits',
  summary: 'What this tenant may send.',
  description:
    'Rates are of a minute; a quota that is not named is none. `own` is what the operator has set.',
  tags: ['ingestion'],
  auth: 'signed_in',
  responses: { 200: { description: 'The limits.', schema: Holding, headers: ETag } },
  async handle(request, { settings }) {
    const found = await settings.of(tenantOf(request));
    return { status: 200, headers: { ETag: etag(found.version) }, body: shown(found) };
  },
});

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
  async handle(request, { settings }) {
    const { tenant_id } = request.params;
    const found = uuidOf('tenant', tenant_id) && (await settings.of(tenant_id as TenantId));
    return found && found.version > 0
      ? { status: 200, headers: { ETag: etag(found.version) }, body: shown(found) }
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

/** Limits of tenants: set by the operator, seen by the tenant. */
export const limits: readonly Route[] = [ofTenant, get, put];
