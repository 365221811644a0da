import { Type } from 'typebox';
import { RetentionWish, setOwnRetention, setTenantRetention } from '../../commands/set-retention.js';
import type { Settings } from '../../commands/access/tenant-settings.js';
import { uuidOf, type TenantId } from '../../domain/ids.js';
import { oldestAccepted } from '../../domain/retention/retention.js';
import { answer, notFound, tenantOf } from './answers.js';
import { etag } from './context.js';
import { defineRoute, type Route } from './route.js';
import { closed, open, Position, Time } from './schemas.js';

const Days = RetentionWish.properties.days;
const Version = Type.Integer({ minimum: 0, description: 'What If-Match is held against.' });
const ETag = { ETag: 'The version: "v7".' };
const headers = { ...ETag, 'X-PulseStream-Position': 'The log position that this reached.' };

const Kept = open(
  {
    days: Days,
    oldest_accepted: Type.Optional({ ...Time, description: 'Events that happened before are not taken.' }),
    version: Version,
  },
  'RetentionInForce',
);
const WasSet = open({ days: Days, version: Version, position: Position });

const shown = ({ retention_days: days, version }: Settings, now: number) => ({
  days,
  ...(days !== null && { oldest_accepted: new Date(oldestAccepted(days, now)).toISOString() }),
  version,
});

const get = defineRoute({
  method: 'GET',
  path: '/api/v2/ingestion/retention',
  summary: 'How long telemetry is kept.',
  tags: ['ingestion'],
  auth: 'telemetry:read',
  responses: { 200: { description: 'What holds.', schema: Kept, headers: ETag } },
  async handle(request, { settings, clock }) {
    const found = await settings.of(tenantOf(request));
    return { status: 200, headers: { ETag: etag(found.version) }, body: shown(found, clock.now()) };
  },
});

const put = defineRoute({
  method: 'PUT',
  path: '/api/v2/ingestion/retention',
  summary: 'Says how long telemetry is kept; in force within a second.',
  description:
    'Events that are older are rejected with `timestamp_too_old`. What is stored and older is retired, chunk by ' +
    'chunk and by whole days in UTC: it is not shown any more, and its content is dropped. Nobody can bring it back.',
  tags: ['ingestion'],
  auth: 'tenant:admin',
  conditional: true,
  body: { schema: RetentionWish },
  responses: { 200: { description: 'What was set.', schema: WasSet, headers } },
  async handle(request, api) {
    const result = await api.pipeline.execute(setOwnRetention, request.body, request.context);
    return answer(result, request, api, {
      status: 200,
      body: (set) => set,
      headers: ({ version }) => ({ ETag: etag(version) }),
    });
  },
});

const params = closed({ tenant_id: Type.String({ maxLength: 64 }) });

const getOf = defineRoute({
  method: 'GET',
  path: '/_ops/tenants/{tenant_id}/retention',
  summary: 'How long a tenant’s telemetry is kept.',
  tags: ['operations'],
  auth: 'operator',
  params,
  responses: { 200: { description: 'What holds.', schema: Kept, headers: ETag } },
  problems: [404],
  async handle(request, { settings, clock }) {
    const { tenant_id } = request.params;
    const found = uuidOf('tenant', tenant_id) && (await settings.of(tenant_id as TenantId));
    return found && found.version > 0
      ? { status: 200, headers: { ETag: etag(found.version) }, body: shown(found, clock.now()) }
      : notFound(request, 'tenant');
  },
});

const putOf = defineRoute({
  method: 'PUT',
  path: '/_ops/tenants/{tenant_id}/retention',
  summary: 'Says how long a tenant’s telemetry is kept; in force within a second.',
  tags: ['operations'],
  auth: 'operator',
  conditional: true,
  params,
  body: { schema: RetentionWish },
  responses: { 200: { description: 'What was set.', schema: WasSet, headers } },
  problems: [404],
  async handle(request, api) {
    const input = { tenant_id: request.params.tenant_id, days: request.body.days };
    const result = await api.pipeline.execute(setTenantRetention, input, request.context);
    return answer(result, request, api, {
      status: 200,
      body: (set) => set,
      headers: ({ version }) => ({ ETag: etag(version) }),
    });
  },
});

/** How long telemetry is kept: said by the tenant's people, or the operator. */
export const retention: readonly Route[] = [get, put, getOf, putOf];
