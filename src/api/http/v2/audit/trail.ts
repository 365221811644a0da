import { Type } from 'typebox';
import { trailCsv, type TrailEntry, type TrailFilter } from '../../../../domain/audit/trail.js';
import { SYSTEM_TENANT, type TenantId } from '../../../../domain/ids.js';
import { auditTrail } from '../../../../projections/audit-trail/projection.js';
import { listTrail } from '../../../../projections/audit-trail/query.js';
import { listing, refuse, tenantOf } from '../../answers.js';
import type { ApiRequest } from '../../message.js';
import { defineRoute, type Access, type Route, type Tag } from '../../route.js';
import { closed, listOf, open, page, Time } from '../../schemas.js';
import { mapRange, range, readRange } from '../../times.js';

const text = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }));

const filters = {
  outcome: Type.Optional(Type.Enum(['done', 'refused'])),
  actor_id: text(128, 'Who.'),
  action: text(300, 'What was recorded, or the route that was refused.'),
  stream: text(300, 'The records of one thing.'),
  origin: text(32, 'Through which door.'),
  request_id: text(128, 'Of one request.'),
  deployment_id: text(64, 'During one deployment.'),
  address: text(64, 'From where.'),
  code: text(64, 'Why it was refused.'),
  ...range,
} as const;

const Entry = open(
  {
    id: Type.String(),
    at: Time,
    outcome: Type.Enum(['done', 'refused']),
    actor: open({ kind: Type.String(), id: Type.String() }),
    action: Type.String({
      description: 'What was recorded (`AlertRuleDefined`), or the route that was refused.',
    }),
    request_id: Type.String(),
    client: Type.Optional(open({ address: Type.String(), user_agent: Type.Optional(Type.String()) })),
    origin: Type.Optional(Type.String()),
    release: Type.Optional(Type.String()),
    deployment_id: Type.Optional(Type.String()),
    stream: Type.Optional(Type.String()),
    revision: Type.Optional(Type.Integer({ minimum: 0 })),
    position: Type.Optional(Type.String()),
    code: Type.Optional(Type.String({ description: 'Why it was refused.' })),
    status: Type.Optional(Type.Integer()),
    count: Type.Optional(Type.Integer({ minimum: 1, description: 'How often it was refused on that day.' })),
    first_at: Type.Optional(Time),
  },
  'AuditEntry',
);

interface Place {
  readonly path: string;
  readonly tag: Tag;
  readonly auth: Access;
  readonly owner: (request: ApiRequest) => TenantId;
}

const summary = 'Who did what, when and from where, and what was refused: the newest first.';

type Listed = ApiRequest<unknown, TrailFilter & { readonly limit?: number; readonly cursor?: string }>;

const withoutTimes = ({ from: _, to: __, ...rest }: TrailFilter): TrailFilter => rest;

const listed = (
  request: Listed,
  owner: Place['owner'],
  { models, refusedActs }: Parameters<Route['handle']>[1],
) => {
  const times = readRange(request.query);
  if (!times.ok) return Promise.resolve(refuse(times.problem, request));
  // As the trail has them, so that they compare as text.
  const between = mapRange(times.range, (time) => new Date(time).toISOString());
  const filter = { ...withoutTimes(request.query), ...between };
  return listing(request, (paging) => listTrail(models, refusedActs, owner(request), filter, paging));
};

/** Exports are pages, too: larger ones, and the way to the next stands in `Link`. */
const EXPORTED = 10_000;

const exported: Readonly<Record<string, (entries: readonly TrailEntry[]) => string>> = {
  csv: trailCsv,
  ndjson: (entries) => entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
  json: (entries) => JSON.stringify(entries),
};
const mediaTypes: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
};

const routesOf = ({ path, tag, auth, owner }: Place): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path,
    summary,
    tags: [tag],
    auth,
    reads: [auditTrail],
    query: closed({ ...page, ...filters }),
    responses: { 200: { description: 'A page of it.', schema: listOf(Entry) } },
    handle: (request, api) => listed(request, owner, api),
  }),
  defineRoute({
    method: 'GET',
    path: `${path}/export/{format}`,
    summary: 'The trail as a file: JSON, CSV or NDJSON.',
    description: `Up to ${EXPORTED} lines at a time; where there are more, \`Link\` has the way to the next.`,
    tags: [tag],
    auth,
    reads: [auditTrail],
    params: closed({ format: Type.Enum(['json', 'csv', 'ndjson']) }),
    query: closed({
      ...filters,
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: EXPORTED, default: EXPORTED })),
      cursor: page.cursor,
    }),
    responses: {
      200: {
        description: 'The lines.',
        schema: Type.Unknown(),
        content_type: '*/*',
        headers: { Link: 'The next lines (rel="next").' },
      },
    },
    async handle(request, api) {
      const { format } = request.params;
      const query = { ...request.query, limit: request.query.limit ?? EXPORTED };
      const answer = await listed({ ...request, query }, owner, api);
      if (answer.status !== 200) return answer;
      const { data } = answer.body as { readonly data: readonly TrailEntry[] };
      const headers = {
        ...answer.headers,
        'Content-Disposition': `attachment; filename="audit-trail.${format}"`,
      };
      return { status: 200, headers, content_type: mediaTypes[format] ?? '', body: exported[format]?.(data) };
    },
  }),
];

/** A tenant’s trail, for those who audit it. */
export const tenantTrail = routesOf({
  path: '/api/v2/audit/trail',
  tag: 'audit',
  auth: 'audit:read',
  owner: (request) => tenantOf(request),
});

/** What belongs to no tenant: deployments, and whoever showed credentials that are nobody’s. */
export const operatorTrail = routesOf({
  path: '/_ops/audit/trail',
  tag: 'operations',
  auth: 'operator',
  owner: () => SYSTEM_TENANT,
});

/** The trail as the first version of the API has it. */
export const auditLog = defineRoute({
  method: 'GET',
  path: '/api/v1/auth/audit-log',
  summary,
  tags: ['auth'],
  auth: 'audit:read',
  reads: [auditTrail],
  query: closed({ ...page, ...filters }),
  responses: { 200: { description: 'A page of it.', schema: listOf(Entry) } },
  handle: (request, api) => listed(request, (of) => tenantOf(of), api),
});
