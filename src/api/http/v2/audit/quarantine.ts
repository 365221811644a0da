import { Type } from 'typebox';
import { approveQuarantine, releaseQuarantine } from '../../../../commands/quarantine/decide-quarantine.js';
import { proposeQuarantine } from '../../../../commands/quarantine/propose-quarantine.js';
import { MAX_RECORDS } from '../../../../commands/quarantine/records.js';
import { guarded } from '../../../../commands/refusals.js';
import { permits } from '../../../../domain/deployment/deployment.js';
import type { TenantId } from '../../../../domain/ids.js';
import { countRecords } from '../../../../domain/quarantine/held.js';
import { RecordRuns } from '../../../../domain/quarantine/runs.js';
import { uuidOf } from '../../../../domain/ids.js';
import { projections } from '../../../../projections/all.js';
import { quarantines, type QuarantineDocument } from '../../../../projections/quarantines/projection.js';
import { getQuarantine, listQuarantines } from '../../../../projections/quarantines/query.js';
import { resolveRecords, type RecordSelector } from '../../../../replay/detection/resolve.js';
import type { ApiServices } from '../../../dependencies.js';
import { answer, found, listing, notFound, refuse } from '../../answers.js';
import type { ApiRequest, ApiResponse } from '../../message.js';
import { ofRefusal, problem } from '../../problem.js';
import { defineRoute, type Route } from '../../route.js';
import { closed, listOf, open, page, Position, Time } from '../../schemas.js';
import { Actor, AuditedRecord } from './shapes.js';

const headers = { 'X-PulseStream-Position': 'The log position that this reached.' };
/** For the operator: whose things are meant. */
export const TenantParameter = Type.Optional(
  Type.String({ maxLength: 64, description: 'For the operator: whose records are meant.' }),
);
const Status = Type.Enum(['proposed', 'approved', 'released', 'withdrawn']);
const ActStatus = Type.Enum(['proposed', 'approved', 'partly_released', 'released', 'withdrawn']);
const quarantineParams = closed({ quarantine_id: Type.String({ maxLength: 64 }) });

const summary = {
  id: Type.String(),
  status: Status,
  reason: Type.String(),
  deployment_id: Type.Optional(Type.String()),
  two_people: Type.Boolean({ description: 'Whether another person has to approve it.' }),
  record_count: Type.Integer(),
  acts: Type.Array(open({ status: ActStatus, by: Actor, at: Time, note: Type.Optional(Type.String()) }), {
    description: 'What was done with it, the first first.',
  }),
};
const Summary = open(summary, 'Quarantine');
const Whole = open(
  {
    ...summary,
    records: Type.Array(AuditedRecord),
    released: Type.Array(AuditedRecord, { description: 'What of it came back while the rest stayed.' }),
    position: Position,
  },
  'QuarantineRecords',
);

const summaryOf = ({ id, status, reason, deployment_id, two_people, records, acts }: QuarantineDocument) => ({
  ...{ id, status, reason, two_people, acts, record_count: countRecords(records) },
  ...(deployment_id !== undefined && { deployment_id }),
});

/** Whose records a request is about: its own tenant's, or those of the tenant that the operator names. */
export const auditedTenant = ({ principal }: ApiRequest, named: string | undefined): TenantId | undefined => {
  if (principal.tenant_id !== undefined)
    return named === undefined || named === principal.tenant_id ? principal.tenant_id : undefined;
  return named !== undefined && uuidOf('tenant', named) !== undefined ? (named as TenantId) : undefined;
};

const list = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/quarantine',
  summary: 'What is set aside, was, or is proposed to be.',
  tags: ['audit'],
  auth: 'audit:read',
  operator: true,
  reads: [quarantines],
  query: closed({
    ...page,
    status: Type.Optional(Status),
    deployment_id: Type.Optional(Type.String({ maxLength: 64 })),
    tenant_id: TenantParameter,
  }),
  problems: [404],
  responses: { 200: { description: 'The last proposed first.', schema: listOf(Summary) } },
  async handle(request, { models }) {
    const { status, deployment_id, tenant_id } = request.query;
    const tenant = auditedTenant(request, tenant_id);
    if (!tenant) return notFound(request, 'tenant');
    const wanted = {
      ...(status !== undefined && { status }),
      ...(deployment_id !== undefined && { deployment_id }),
    };
    return listing(request, async (paging) => {
      const listed = await listQuarantines(models, tenant, wanted, paging);
      return listed && { ...listed, data: listed.data.map(summaryOf) };
    });
  },
});

const get = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/quarantine/{quarantine_id}',
  summary: 'One quarantine, with the records that it names.',
  tags: ['audit'],
  auth: 'audit:read',
  operator: true,
  reads: [quarantines],
  params: quarantineParams,
  query: closed({ tenant_id: TenantParameter }),
  responses: { 200: { description: 'The quarantine.', schema: Whole } },
  async handle(request, { models }) {
    const tenant = auditedTenant(request, request.query.tenant_id);
    const document = tenant && (await getQuarantine(models, tenant, request.params.quarantine_id));
    if (!document) return notFound(request, 'quarantine');
    const { records, released = [] } = document;
    const shown = { ...summaryOf(document), records, released, position: models.position(quarantines) };
    return found(shown);
  },
});

const Index = Type.Integer({ minimum: 0, maximum: 0xfffff });
const Selector = closed({
  position: Type.Optional(Position),
  through_position: Type.Optional(Position),
  stream: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  revision: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  through_revision: Type.Optional(
    Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'The last one, too.' }),
  ),
  event_id: Type.Optional(Type.String({ maxLength: 64, description: 'Of one telemetry event.' })),
  indexes: Type.Optional(
    Type.Array(
      Type.Union([
        Index,
        Type.Unsafe<[number, number]>({ type: 'array', items: Index, minItems: 2, maxItems: 2 }),
      ]),
      {
        minItems: 1,
        maxItems: 10_000,
        description: 'Of a chunk: some of its events, singly or from one to another.',
      },
    ),
  ),
});

const Decided = open({ tenant_id: Type.String(), quarantine_id: Type.String(), position: Position });

const propose = defineRoute({
  method: 'POST',
  path: '/api/v2/audit/quarantine',
  summary: 'Proposes to set records aside.',
  description:
    'Named by position, by stream and revision (one, or all from one to another), by a telemetry event’s id, or all that ' +
    'a deployment’s report names. What ' +
    'began a thing (a rule, an alert, a key) takes along what became of that thing since.',
  tags: ['audit'],
  auth: 'quarantine',
  operator: true,
  idempotent: true,
  body: {
    schema: closed({
      reason: Type.String({ minLength: 1, maxLength: 2000 }),
      records: Type.Optional(Type.Array(Selector, { minItems: 1, maxItems: MAX_RECORDS })),
      deployment_id: Type.Optional(Type.String({ maxLength: 64 })),
      tenant_id: TenantParameter,
    }),
  },
  problems: [404, 413, 422],
  responses: {
    201: {
      description: 'Proposed: nothing is set aside until it is approved.',
      schema: open({
        quarantine_id: Type.String(),
        record_count: Type.Integer(),
        remaining: Type.Integer({ description: 'Records that did not fit; propose again for those.' }),
        position: Position,
      }),
      headers,
    },
  },
  async handle(request, api) {
    const { reason, deployment_id, tenant_id } = request.body;
    const tenant = auditedTenant(request, tenant_id);
    if (!tenant) return notFound(request, 'tenant');
    // Looking for records takes longer than saying that nothing is written now.
    if (!permits(api.guard.state, 'domain')) return refuse(ofRefusal(guarded), request);
    const meant = await recordsMeant(request, api, tenant);
    if ('status' in meant) return meant;
    const { records, remaining } = meant;
    const input = {
      ...{ tenant_id: tenant, reason, records, two_people: api.config.quarantine_two_people },
      ...(deployment_id !== undefined && { deployment_id }),
    };
    const result = await api.pipeline.execute(proposeQuarantine, input, request.context);
    return answer(result, request, api, {
      status: 201,
      awaits: [quarantines],
      body: ({ quarantine_id }) => ({
        quarantine_id,
        record_count: countRecords(records),
        remaining,
      }),
    });
  },
});

/** The records that a proposal names, or the answer that says why there are none. */
const recordsMeant = async (
  request: ApiRequest<unknown, unknown, { readonly records?: unknown; readonly deployment_id?: string }>,
  { log, detection, models }: ApiServices,
  tenant: TenantId,
) => {
  const { records: selectors, deployment_id } = request.body;
  if ((selectors === undefined) === (deployment_id === undefined))
    return refuse(problem(422, 'records_or_deployment', 'Name either records or a deployment.'), request);
  if (deployment_id !== undefined) {
    const report = await detection.report(deployment_id, (one) => one === tenant);
    if (!report) return notFound(request, 'deployment');
    const runs = new RecordRuns(MAX_RECORDS);
    for await (const { stream, revision, position, type, indexes } of report.records())
      runs.add({ stream, revision, position, type, ...(indexes && { indexes }) });
    return runs;
  }
  return recordsNamed(request, { log, models }, tenant, selectors as readonly RecordSelector[]);
};

/** The records that selectors name, or the answer that says which of them names none. */
const recordsNamed = async (
  request: ApiRequest,
  { log, models }: Pick<ApiServices, 'log' | 'models'>,
  tenant: TenantId,
  selectors: readonly RecordSelector[],
) => {
  const resolved = await resolveRecords(log, models, tenant, selectors, MAX_RECORDS);
  if (resolved.ok) return resolved;
  return refuse(
    problem(
      422,
      'no_such_record',
      `There is no record that records/${resolved.index} names and that may be set aside.`,
    ),
    request,
  );
};

const someRecords = {
  records: Type.Optional(
    Type.Array(Selector, {
      minItems: 1,
      maxItems: MAX_RECORDS,
      description: 'Some of the quarantine’s records only; the rest stays set aside.',
    }),
  ),
};

const decision = (
  word: 'approve' | 'release',
  command: typeof approveQuarantine,
  texts: { readonly summary: string; readonly done: string; readonly more?: typeof someRecords },
): Route =>
  defineRoute({
    method: 'POST',
    path: `/api/v2/audit/quarantine/{quarantine_id}/${word}`,
    summary: texts.summary,
    tags: ['audit'],
    auth: 'quarantine',
    operator: true,
    params: quarantineParams,
    body: {
      schema: closed({
        note: Type.Optional(Type.String({ maxLength: 2000 })),
        tenant_id: TenantParameter,
        ...texts.more,
      }),
      optional: true,
    },
    problems: [404, 409, 422],
    responses: { 200: { description: texts.done, schema: Decided, headers } },
    async handle(request, api): Promise<ApiResponse> {
      const { records: selectors, ...act } = request.body as typeof request.body & {
        readonly records?: readonly RecordSelector[];
      };
      const tenant = auditedTenant(request, act.tenant_id);
      if (!tenant) return notFound(request, 'tenant');
      const meant = selectors && (await recordsNamed(request, api, tenant, selectors));
      if (meant && 'status' in meant) return meant;
      if (meant && meant.remaining > 0)
        return refuse(problem(422, 'too_many_records', 'Name fewer stretches of records.'), request);
      const input = {
        ...act,
        quarantine_id: request.params.quarantine_id,
        ...(meant && { records: meant.records }),
      };
      const result = await api.pipeline.execute(command, input, request.context);
      return answer(result, request, api, { status: 200, awaits: projections, body: (decided) => decided });
    },
  });

export const auditQuarantine: readonly Route[] = [
  list,
  get,
  propose,
  decision('approve', approveQuarantine, {
    summary: 'Sets aside what was proposed: no read model, search or alert shows it any more.',
    done: 'Set aside.',
  }),
  decision('release', releaseQuarantine, {
    summary: 'Brings back what was set aside, or some of it, or takes back a proposal.',
    done: 'Back, or taken back.',
    more: someRecords,
  }),
];
