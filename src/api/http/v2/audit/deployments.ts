import { Type } from 'typebox';
import { SUSPICIOUS } from '../../../../domain/detection/content.js';
import { verdicts } from '../../../../domain/detection/legitimacy/rules.js';
import { isAllAside, setAsideBy } from '../../../../domain/quarantine/set-aside.js';
import { TELEMETRY_RECORDED } from '../../../../domain/telemetry/stored-chunk.js';
import type { ReportedRecord } from '../../../../replay/detection/judged.js';
import type { ApiServices } from '../../../dependencies.js';
import { notFound } from '../../answers.js';
import { defineRoute, type Route } from '../../route.js';
import { closed, open, Position, Time } from '../../schemas.js';
import { auditedTenant } from './quarantine.js';
import { Actor, auditedRecord } from './shapes.js';

const Verdict = Type.Enum([...verdicts], {
  description: 'What the rules say that its tenant had when the deployment began; absent: nothing.',
});
const Introduced = open({
  ...auditedRecord,
  tenant_id: Type.Optional(Type.String()),
  count: Type.Integer({ description: 'Telemetry events in it; 1 of any other record.' }),
  recorded_at: Time,
  actor: Actor,
  origin: Type.String(),
  release: Type.String(),
  deployment_id: Type.Optional(Type.String({ description: 'What the record itself is stamped with.' })),
  reasons: Type.Array(open({ code: Type.String(), detail: Type.String() })),
  score: Type.Number({ minimum: 0, maximum: 1 }),
  verdict: Type.Optional(Verdict),
  by_provenance: Type.Boolean(),
  by_window: Type.Boolean(),
  set_aside: Type.Boolean({ description: 'Whether no part of it is shown now.' }),
});

const Positions = Type.Array(Position, { description: 'Of the records of this page.' });
const Report = open(
  {
    deployment_id: Type.String(),
    release: Type.String(),
    mode: Type.String(),
    begin: Position,
    end: Type.Optional(Position),
    records: Type.Array(Introduced),
    count: Type.Optional(
      Type.Integer({
        description:
          'Records in all, telemetry counted by event; only on the first page, asked for without `after`.',
      }),
    ),
    only_by_provenance: Positions,
    only_by_window: Positions,
    next_after: Type.Union([Position, Type.Null()]),
    position: Position,
  },
  'IntroducedRecords',
);

const records = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/deployments/{deployment_id}/records',
  summary: 'The records that a deployment introduced, each with its reasons.',
  description:
    'Found twice, by what records are stamped with and by where they stand; what only one of the two finds is a ' +
    'finding of its own. Also named is what was recorded meanwhile and a rule of its tenant declares illegitimate; what ' +
    'a rule declares legitimate stays a finding, with a lower score. A tenant sees its own records, the operator all or those of the tenant that it names.',
  tags: ['audit'],
  auth: 'audit:read',
  operator: true,
  params: closed({ deployment_id: Type.String({ maxLength: 64 }) }),
  query: closed({
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 1000 })),
    after: Type.Optional(Position),
    tenant_id: Type.Optional(Type.String({ maxLength: 64 })),
  }),
  responses: { 200: { description: 'In the log’s order.', schema: Report } },
  async handle(request, api) {
    const { limit = 1000, after, tenant_id } = request.query;
    const tenant = auditedTenant(request, tenant_id);
    const everything = request.principal.tenant_id === undefined && tenant_id === undefined;
    if (!tenant && !everything) return notFound(request, 'tenant');
    const report = await api.detection.report(
      request.params.deployment_id,
      (tenant_id) => everything || tenant_id === tenant,
    );
    if (!report) return notFound(request, 'deployment');
    const here: ReportedRecord[] = [];
    let count = 0;
    let more = false;
    for await (const record of report.records(after)) {
      if (here.length < limit) here.push(record);
      else more = true;
      // How many there are in all is found by looking at all of them, once.
      if (more && after !== undefined) break;
      count += record.count;
    }
    const { window, position } = report;
    const positions = new Set(here.map(({ position }) => position));
    const onPage = (found: readonly string[]) => found.filter((one) => positions.has(one));
    return {
      status: 200,
      body: {
        ...window,
        records: await Promise.all(
          here.map(async (record) => ({ ...record, set_aside: await isSetAside(api, record) })),
        ),
        ...(after === undefined && { count }),
        only_by_provenance: onPage(report.only_by_provenance),
        only_by_window: onPage(report.only_by_window),
        next_after: more ? (here.at(-1)?.position ?? null) : null,
        position,
      },
    };
  },
});

const suspected = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/deployments/{deployment_id}/suspected',
  summary: 'Telemetry recorded during a deployment whose content looks made up, or as nothing before did.',
  description:
    'It only suggests what to look at. Weighed against all of the tenant’s telemetry from before: new types, services, ' +
    'routes, fields and shapes, test data, repetitions, bursts; and by the rules that the tenant had when the ' +
    'deployment began: what one declares legitimate is named with a low score and not counted.',
  tags: ['audit'],
  auth: 'audit:read',
  operator: true,
  params: closed({ deployment_id: Type.String({ maxLength: 64 }) }),
  query: closed({ tenant_id: Type.Optional(Type.String({ maxLength: 64 })) }),
  responses: {
    200: {
      description: 'The first thousand, the most suspicious first.',
      schema: open({
        deployment_id: Type.String(),
        count: Type.Integer({ description: 'Without those that a rule declares legitimate.' }),
        all: Type.Boolean({ description: 'Whether every event of the window was looked at.' }),
        data: Type.Array(
          open({
            event_id: Type.String(),
            ...auditedRecord,
            index: Type.Integer({ minimum: 0 }),
            reasons: Type.Array(open({ code: Type.String(), detail: Type.String() })),
            score: Type.Number({ minimum: 0, maximum: 1 }),
            verdict: Type.Optional(Verdict),
          }),
        ),
      }),
    },
  },
  async handle(request, { detection }) {
    const { deployment_id } = request.params;
    const tenant = auditedTenant(request, request.query.tenant_id);
    if (!tenant) return notFound(request, 'tenant');
    const found = await detection.suspected(deployment_id, tenant);
    if (!found) return notFound(request, 'deployment');
    const data = found.suspected
      .toSorted((one, other) => other.score - one.score)
      .slice(0, MOST_SUSPECTED)
      .map((one) => ({ ...one, type: TELEMETRY_RECORDED }));
    const count = found.suspected.filter(({ score }) => score >= SUSPICIOUS).length;
    return { status: 200, body: { deployment_id, count, all: found.all, data } };
  },
});

const MOST_SUSPECTED = 1_000;

/** Whether no part of a record is shown now. */
const isSetAside = async (
  { quarantines }: Pick<ApiServices, 'quarantines'>,
  { tenant_id, ...record }: ReportedRecord,
): Promise<boolean> =>
  tenant_id !== undefined && isAllAside(setAsideBy(await quarantines.of(tenant_id)), record);

export const auditDeployments: readonly Route[] = [records, suspected];
