import { Type } from 'typebox';
import { PersonNamed, requestTelemetryErasure } from '../../../../commands/erasure/request-erasure.js';
import type { StandingErasure } from '../../../../processes/erasure/erasure-desk.js';
import { answer, notFound, refuse } from '../../answers.js';
import { problem } from '../../problem.js';
import { defineRoute, type Route } from '../../route.js';
import { closed, open, Position } from '../../schemas.js';
import { auditedTenant } from './quarantine.js';
import { Actor } from './shapes.js';

const headers = { 'X-PulseStream-Position': 'The log position that this reached.' };
const TenantParameter = Type.Optional(
  Type.String({ maxLength: 64, description: 'For the operator: whose telemetry is meant.' }),
);
const Count = Type.Integer({ minimum: 0 });
const Person = {
  field: { ...PersonNamed.field, description: 'The field of events that says whose they are.' },
  value: { ...PersonNamed.value, description: 'Its value; compared exactly. It is stored nowhere.' },
  tenant_id: TenantParameter,
};

const Erasure = open(
  {
    id: Type.String(),
    status: Type.Enum(['requested', 'found', 'completed'], {
      description:
        'requested: events are looked for. found: all that were meant are shown nowhere. completed: the log’s files ' +
        'hold nothing of them any more, either, or only under a pseudonym that nobody can tell the person from.',
    }),
    field: Type.String(),
    reason: Type.Optional(Type.String()),
    requested_by: Actor,
    chunks: Type.Integer({ minimum: 0, description: 'Chunks out of which events were cut so far.' }),
    events: Type.Integer({ minimum: 0, description: 'Events that were cut so far.' }),
    search_share: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1, description: 'How much of the log was looked through.' }),
    ),
    rewritten: Type.Optional(
      Type.Boolean({
        description: 'Once completed: whether the files were rewritten; false where EventStoreDB keeps them.',
      }),
    ),
    unlinked: Type.Optional(
      Type.Boolean({
        description:
          'Where they were not: whether nobody can tell any more whose the events in them are. False where some were ' +
          'stored by a release that had no pseudonyms yet.',
      }),
    ),
    named_in: Type.Optional(
      Type.Integer({ minimum: 1, description: 'How many chunks of such a release name the person.' }),
    ),
  },
  'TelemetryErasure',
);

// Whose they were cannot be told from the keyed hash, and is nobody's business here.
const shown = ({ erasure_id, subject_hash: _, ...erasure }: StandingErasure) => ({
  id: erasure_id,
  ...erasure,
});

const request = defineRoute({
  method: 'POST',
  path: '/api/v2/audit/erasures',
  summary: 'Erases a person’s telemetry.',
  description:
    'All events recorded before the request whose `field` has that `value` are cut out of the log’s files, and shown ' +
    'nowhere from the moment on that they are found. It cannot be taken back. Proofs hold: of each chunk the leaf hash ' +
    'stays, and a signed statement says what was cut.',
  tags: ['audit'],
  auth: 'erase',
  operator: true,
  idempotent: true,
  body: {
    schema: closed({
      ...Person,
      reason: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
    }),
  },
  problems: [404, 422],
  responses: {
    202: {
      description: 'It was recorded and is being carried out; follow it by its id.',
      schema: open({ tenant_id: Type.String(), erasure_id: Type.String(), position: Position }),
      headers,
    },
  },
  async handle(request, api) {
    const result = await api.pipeline.execute(requestTelemetryErasure, request.body, request.context);
    return answer(result, request, api, { status: 202, body: (requested) => requested });
  },
});

const count = defineRoute({
  method: 'POST',
  path: '/api/v2/audit/erasures/count',
  summary: 'Counts what an erasure would cut now.',
  description: 'Looks through all of the tenant’s telemetry, one such count at a time. Changes nothing.',
  tags: ['audit'],
  auth: 'erase',
  operator: true,
  appends_nothing: true,
  body: { schema: closed(Person) },
  problems: [404, 503],
  responses: {
    200: { description: 'What there is.', schema: open({ chunks: Count, events: Count }) },
  },
  async handle(request, { erasures }) {
    const { field, value, tenant_id } = request.body;
    const tenant = auditedTenant(request, tenant_id);
    if (!tenant) return notFound(request, 'tenant');
    const counted = await erasures.count(tenant, field, value);
    return counted === 'busy'
      ? refuse(problem(503, 'counting', 'Another count is under way; try again.'), request)
      : { status: 200, body: counted };
  },
});

const list = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/erasures',
  summary: 'What was asked to be erased, the last first.',
  tags: ['audit'],
  auth: 'audit:read',
  operator: true,
  query: closed({ tenant_id: TenantParameter }),
  problems: [404],
  responses: { 200: { description: 'All there are.', schema: open({ data: Type.Array(Erasure) }) } },
  async handle(request, { erasures }) {
    const tenant = auditedTenant(request, request.query.tenant_id);
    if (!tenant) return notFound(request, 'tenant');
    return { status: 200, body: { data: (await erasures.list(tenant)).map(shown) } };
  },
});

const get = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/erasures/{erasure_id}',
  summary: 'How far an erasure is.',
  tags: ['audit'],
  auth: 'audit:read',
  operator: true,
  params: closed({ erasure_id: Type.String({ maxLength: 64 }) }),
  query: closed({ tenant_id: TenantParameter }),
  problems: [404],
  responses: { 200: { description: 'The erasure.', schema: Erasure } },
  async handle(request, { erasures }) {
    const tenant = auditedTenant(request, request.query.tenant_id);
    const found = tenant && (await erasures.find(tenant, request.params.erasure_id));
    return found ? { status: 200, body: shown(found) } : notFound(request, 'erasure');
  },
});

export const auditErasures: readonly Route[] = [request, count, list, get];
