import { Type, type TProperties } from 'typebox';
import { SYSTEM_TENANT, type TenantId } from '../../../../domain/ids.js';
import { momentOf } from '../../../../replay/moments.js';
import { ReplayRefused, type AnotherPast, type ReplayWanted } from '../../../../replay/replays/replay.js';
import type { ShownReplay } from '../../../../replay/replays/replays.js';
import { notFound, refuse, tenantOf } from '../../answers.js';
import type { ApiRequest, ApiResponse } from '../../message.js';
import { problem } from '../../problem.js';
import { defineRoute, type Access, type Route } from '../../route.js';
import { closed, open, Position, Time } from '../../schemas.js';

const names = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 100, description }));

/** A position, or a time. */
export const MomentText = Type.String({
  maxLength: 64,
  description: 'A position of the log, or a time (RFC 3339): all that was recorded up to then.',
});

const wantedFields = {
  projections: Type.Array(Type.String({ maxLength: 64 }), {
    minItems: 1,
    maxItems: 32,
    uniqueItems: true,
    description: 'The read models to fold.',
  }),
  baseline: Type.Optional(
    Type.Enum(['served', 'previous', 'replayed'], {
      description:
        'What to compare with. served (default): the documents that are served, at the same position. previous: those ' +
        'of the generation before, where they stopped. replayed: the same range, folded as it was.',
    }),
  ),
  after: Type.Optional(MomentText),
  until: Type.Optional(MomentText),
  without: Type.Optional(
    closed({
      deployment_ids: names('Records of these deployments.'),
      actor_ids: names('Records of these people, keys or processes.'),
      positions: Type.Optional(
        Type.Array(Position, { maxItems: 10_000, description: 'The records at these positions.' }),
      ),
    }),
  ),
  route_patterns: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
      maxItems: 200,
      description: 'Patterns that hold from the beginning on, in place of the tenant’s own.',
    }),
  ),
} as const;

const Count = Type.Integer({ minimum: 0 });
const Actor = open({ kind: Type.String(), id: Type.String() });

const ReplayShape = open(
  {
    id: Type.String(),
    state: Type.Enum(['queued', 'running', 'paused', 'cancelled', 'done', 'failed']),
    wanted: open({ projections: Type.Array(Type.String()), baseline: Type.String() }),
    requested_by: Actor,
    created_at: Time,
    ended_at: Type.Optional(Time),
    progress: open({
      share: Type.Number({ minimum: 0, maximum: 1 }),
      events: Count,
      events_per_second: Type.Number(),
      seconds_left: Type.Optional(Type.Number()),
    }),
    error: Type.Optional(Type.String()),
    results: Type.Array(
      open({
        projection: Type.String(),
        position: Position,
        parked: Count,
        differences: open({
          baseline_documents: Count,
          candidate_documents: Count,
          missing: Type.Integer({ minimum: 0, description: 'Documents that only the baseline has.' }),
          surplus: Type.Integer({ minimum: 0, description: 'Documents that only the candidate has.' }),
          changed: Count,
          first: Type.Array(
            open({
              tenant: Type.String(),
              id: Type.String(),
              kind: Type.Enum(['missing', 'surplus', 'changed']),
              changes: Type.Array(
                open({ path: Type.String(), baseline: Type.String(), candidate: Type.String() }),
                { description: 'JSON pointers, with what each side has there as JSON text.' },
              ),
            }),
          ),
        }),
      }),
    ),
  },
  'Replay',
);

/** Whose replays a request is about, and of which tenants they may be. */
interface Place {
  readonly base: string;
  readonly auth: Access;
  readonly owner: (request: ApiRequest) => TenantId;
  /** What may be asked for here besides what everybody may ask for. */
  readonly fields: TProperties;
  readonly tenants: (request: ApiRequest) => readonly TenantId[] | undefined;
}

const refused = (error: unknown, request: ApiRequest): ApiResponse => {
  if (!(error instanceof ReplayRefused)) throw error;
  const status = error.code === 'invalid_replay' ? 422 : 409;
  return refuse(problem(status, error.code, error.message), request);
};

const routesOf = ({ base, auth, owner, fields, tenants }: Place): readonly Route[] => {
  const params = closed({ replay_id: Type.String({ maxLength: 64 }) });
  const replay = (status: number, description: string) => ({
    [status]: { description, schema: ReplayShape },
  });

  const start = defineRoute({
    method: 'POST',
    path: base,
    summary: 'Starts a replay: folds a past beside what is served, and compares.',
    description:
      'A dry run: nothing is appended, sent or served. The candidate is what this release makes of the past; with ' +
      '`without` or `route_patterns`, of another past.',
    tags: ['audit'],
    auth,
    appends_nothing: true,
    body: { schema: closed({ ...wantedFields, ...fields }) },
    problems: [409, 422],
    responses: replay(202, 'Started, or waiting for its turn; follow it by its id.'),
    async handle(request, { replays }) {
      const { projections, baseline = 'served', after, until, without, route_patterns } = request.body;
      const [from, to] = [after, until].map((text) => (text === undefined ? undefined : momentOf(text)));
      if ((after !== undefined && !from) || (until !== undefined && !to))
        return refuse(
          problem(422, 'invalid_replay', 'after and until are positions or RFC 3339 times.'),
          request,
        );
      const whose = tenants(request);
      const wanted: ReplayWanted = {
        projections,
        baseline,
        ...(whose && { tenants: whose }),
        ...(from && { after: from }),
        ...(to && { until: to }),
        // The schema lets positions through only in their form.
        ...(without && { without: without as unknown as NonNullable<AnotherPast['without']> }),
        ...(route_patterns && { route_patterns }),
      };
      try {
        const started = await replays.start(owner(request), wanted, request.principal.actor);
        return { status: 202, body: started };
      } catch (error) {
        return refused(error, request);
      }
    },
  });

  const list = defineRoute({
    method: 'GET',
    path: base,
    summary: 'The replays that there are, the newest first.',
    tags: ['audit'],
    auth,
    responses: {
      200: { description: 'All that are remembered.', schema: open({ data: Type.Array(ReplayShape) }) },
    },
    handle: async (request, { replays }) => ({
      status: 200,
      body: { data: await replays.list(owner(request)) },
    }),
  });

  const follow = defineRoute({
    method: 'GET',
    path: `${base}/{replay_id}`,
    summary: 'How far a replay is, and what came of it.',
    tags: ['audit'],
    auth,
    params,
    problems: [404],
    responses: replay(200, 'The replay.'),
    async handle(request, { replays }) {
      const found = await replays.get(owner(request), request.params.replay_id);
      return found ? { status: 200, body: found } : notFound(request, 'replay');
    },
  });

  const asking = (what: 'pause' | 'resume' | 'cancel', summary: string): Route =>
    defineRoute({
      method: 'POST',
      path: `${base}/{replay_id}/${what}`,
      summary,
      tags: ['audit'],
      auth,
      appends_nothing: true,
      params,
      problems: [404, 409],
      responses: replay(200, 'The replay as it is now.'),
      async handle(request, { replays }) {
        try {
          const now: ShownReplay | undefined = await replays[what](owner(request), request.params.replay_id);
          return now ? { status: 200, body: now } : notFound(request, 'replay');
        } catch (error) {
          return refused(error, request);
        }
      },
    });

  return [
    start,
    list,
    follow,
    asking('pause', 'Stops a replay so that it can be gone on with.'),
    asking('resume', 'Goes on with a replay that was paused.'),
    asking('cancel', 'Ends a replay for good and throws away what it has folded.'),
  ];
};

/** Replays of a tenant’s own past, for those who audit it. */
export const auditReplays = routesOf({
  base: '/api/v2/audit/replays',
  auth: 'audit:read',
  owner: (request) => tenantOf(request),
  fields: {},
  tenants: (request) => [tenantOf(request)],
});

/** Replays of any tenants' pasts, for the operator. */
export const operatorReplays = routesOf({
  base: '/_ops/replays',
  auth: 'operator',
  owner: () => SYSTEM_TENANT,
  fields: { tenants: names('Whose records; absent: all.') },
  tenants: ({ body }) => (body as { readonly tenants?: readonly TenantId[] }).tenants,
});
