import { Type } from 'typebox';
import { defineRoutePatterns, RoutePatterns } from '../../../commands/define-route-patterns.js';
import { forgetLearnedRoutes } from '../../../commands/forget-learned-routes.js';
import { OTHER_ROUTE } from '../../../domain/telemetry/route.js';
import { templateText } from '../../../domain/telemetry/routes/path-tree.js';
import { routeBooks, type RoutesDocument } from '../../../projections/routes/projection.js';
import { routesDocument } from '../../../projections/routes/query.js';
import { answer, found, tenantOf } from '../answers.js';
import { etag } from '../context.js';
import { defineRoute, type Route } from '../route.js';
import { open, Position, Time } from '../schemas.js';

const headers = { 'X-PulseStream-Position': 'The log position that this reached.' };
const versioned = { ...headers, ETag: 'The version: "v7".' };
const Version = Type.Integer({ minimum: 0 });

const Routes = open(
  {
    patterns: Type.Array(Type.String(), { description: 'The tenant’s own; the first that matches counts.' }),
    learned: Type.Array(
      open({
        route: Type.String(),
        kept: Type.Array(Type.String(), { description: 'Segments that stay themselves in its place.' }),
        because: Type.Enum(['siblings', 'limit']),
        learned_at: Time,
      }),
    ),
    frozen: Type.Boolean({
      description: `True where there were too many routes for any template: new ones are \`${OTHER_ROUTE}\`.`,
    }),
    version: Version,
    position: Position,
  },
  'Routes',
);

const shown = (document: RoutesDocument | undefined, position: string) => ({
  patterns: document?.patterns ?? [],
  learned: (document?.templates ?? []).map(({ kept, because, learned_at, ...template }) => ({
    route: templateText(template),
    kept,
    because,
    learned_at,
  })),
  frozen: document?.known !== undefined,
  version: document?.version ?? 0,
  position,
});

const routesGet = defineRoute({
  method: 'GET',
  path: '/api/v2/ingestion/routes',
  summary: 'How routes are made of paths: the tenant’s patterns, and what was learned.',
  tags: ['ingestion'],
  auth: 'telemetry:read',
  reads: [routeBooks],
  responses: { 200: { description: 'All of it.', schema: Routes, headers: { ETag: versioned.ETag } } },
  async handle(request, { models }) {
    const position = models.position(routeBooks);
    const document = await routesDocument(models, tenantOf(request));
    return found(shown(document, position), { ETag: etag(document?.version ?? 0) });
  },
});

const patternsPut = defineRoute({
  method: 'PUT',
  path: '/api/v2/ingestion/route-patterns',
  summary: 'Says which routes paths have, in place of the patterns there were.',
  tags: ['ingestion'],
  auth: 'tenant:admin',
  conditional: true,
  body: { schema: RoutePatterns },
  responses: {
    200: {
      description: 'They hold for everything that is asked for from now on.',
      schema: open({ patterns: Type.Array(Type.String()), version: Version, position: Position }),
      headers: versioned,
    },
  },
  async handle(request, api) {
    const result = await api.pipeline.execute(defineRoutePatterns, request.body, request.context);
    return answer(result, request, api, {
      status: 200,
      awaits: [routeBooks],
      body: (defined) => defined,
      headers: ({ version }) => ({ ETag: etag(version) }),
    });
  },
});

const learnedDelete = defineRoute({
  method: 'DELETE',
  path: '/api/v2/ingestion/learned-routes',
  summary: 'Forgets what was learned; it is learned anew of the telemetry that comes from now on.',
  tags: ['ingestion'],
  auth: 'tenant:admin',
  conditional: true,
  problems: [503, 507],
  responses: {
    200: {
      description: 'Forgotten.',
      schema: open({ version: Version, position: Position }),
      headers: versioned,
    },
  },
  async handle(request, api) {
    const result = await api.pipeline.execute(forgetLearnedRoutes, {}, request.context);
    return answer(result, request, api, {
      status: 200,
      awaits: [routeBooks],
      body: (forgotten) => forgotten,
      headers: ({ version }) => ({ ETag: etag(version) }),
    });
  },
});

/** How paths become routes. */
export const routing: readonly Route[] = [routesGet, patternsPut, learnedDelete];
