import { Type } from 'typebox';
import { aggregates } from '../../../../domain/audit/aggregates.js';
import type { EventLog, Position as LogPosition } from '../../../../eventstore/event-store.js';
import { projections } from '../../../../projections/all.js';
import { momentOf, type Moment } from '../../../../replay/moments.js';
import type { DocumentsAt } from '../../../../replay/past/documents-at.js';
import { found, listing, notFound, refuse, tenantOf } from '../../answers.js';
import { problem, type Problem } from '../../problem.js';
import { defineRoute, type Route } from '../../route.js';
import { closed, DEFAULT_LIMIT, listOf, open, page, Position, Time } from '../../schemas.js';
import { MomentText } from './replays.js';

const Record = open(
  {
    position: Position,
    stream: Type.String(),
    revision: Type.Integer({ minimum: 0 }),
    id: Type.String(),
    type: Type.String(),
    schema_version: Type.Integer({ minimum: 1 }),
    data: Type.Optional(open({})),
    chunk: Type.Optional(open({})),
    provenance: open({ origin: Type.String(), request_id: Type.String(), recorded_at: Time }),
  },
  'Record',
);

const streams = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/streams/{stream}',
  summary: 'The records of a stream with where they come from, oldest first.',
  description:
    'The tenant’s own records. Secrets and their hashes are masked; of telemetry the header of each chunk is shown, its ' +
    'events are found by searching.',
  tags: ['audit'],
  auth: 'audit:read',
  params: closed({ stream: Type.String({ maxLength: 300 }) }),
  query: closed({
    ...page,
    from: Type.Optional(Type.Integer({ minimum: 0, description: 'The first revision.' })),
  }),
  problems: [404],
  responses: { 200: { description: 'A page of them.', schema: listOf(Record) } },
  async handle(request, { past, log }) {
    const { stream } = request.params;
    const { from = 0 } = request.query;
    const position = await log.head();
    const theirs = await past.records(tenantOf(request), stream, 0, 1);
    if (theirs.data.length === 0 && theirs.next === undefined) return notFound(request, 'stream');
    return listing(request, async ({ limit, after = from }) => {
      if (typeof after !== 'number') return undefined;
      return { ...(await past.records(tenantOf(request), stream, after, limit)), position };
    });
  },
});

/** Behind everything. */
const NOW: Moment = { position: 'ffffffffffffffff' as LogPosition };

const whatThereIs = async (log: Pick<EventLog, 'head'>) => ({
  position: await log.head(),
  read_models: projections.map(({ name }) => name),
  streams: aggregates.map(({ prefix }) => prefix),
});

const faults: Readonly<Record<Exclude<DocumentsAt['outcome'], 'folded'>, Problem>> = {
  unfoldable: problem(422, 'unfoldable', 'A record cannot be folded.'),
  too_long: problem(
    422,
    'too_much_to_fold',
    'There is too much to fold for one request. A replay of the same range takes its time: POST /api/v2/audit/replays.',
  ),
  too_many: problem(
    422,
    'too_much_to_fold',
    'The read model has too many documents to show: ask for one by its id.',
  ),
  busy: problem(503, 'busy', 'Others are looking at the past; try again.', { retry_after_seconds: 2 }),
};

const state = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/state',
  summary: 'How something was at some moment: a stream’s state, or the documents of a read model.',
  description:
    'Folded from the records up to then; with neither `stream` nor `read_model`, what there is to ask for. Secrets and ' +
    'their hashes are masked.',
  tags: ['audit'],
  auth: 'audit:read',
  query: closed({
    at: Type.Optional(MomentText),
    stream: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
    read_model: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: 'Of one document.' })),
    limit: page.limit,
    view: Type.Optional(
      Type.Enum(['then', 'corrected'], {
        description: 'As it was seen then, or without what has been set aside since.',
      }),
    ),
  }),
  problems: [404, 422],
  responses: {
    200: {
      description: 'What was.',
      schema: open({
        position: Position,
        stream: Type.Optional(Type.String()),
        kind: Type.Optional(Type.String()),
        revision: Type.Optional(Type.Integer({ minimum: 0 })),
        recorded_at: Type.Optional(Time),
        state: Type.Optional(Type.Unknown()),
        read_model: Type.Optional(Type.String()),
        documents: Type.Optional(Type.Array(open({}))),
        more: Type.Optional(Type.Boolean({ description: 'Whether there are more documents.' })),
        set_aside_since: Type.Optional(
          Type.Integer({ description: 'Records that were folded and have been set aside since.' }),
        ),
        read_models: Type.Optional(Type.Array(Type.String())),
        streams: Type.Optional(Type.Array(Type.String({ description: 'What their names begin with.' }))),
      }),
    },
  },
  async handle(request, { past, log }) {
    const { at, stream, read_model, id, limit = DEFAULT_LIMIT, view = 'then' } = request.query;
    const moment = at === undefined ? NOW : momentOf(at);
    if (!moment)
      return refuse(problem(422, 'invalid_moment', 'at is a position or an RFC 3339 time.'), request);
    if (stream !== undefined && read_model !== undefined)
      return refuse(problem(422, 'invalid_question', 'Ask for a stream or for a read model.'), request);
    if (stream !== undefined) {
      const then = await past.stateOf(tenantOf(request), stream, moment, view);
      return then ? found(then) : notFound(request, 'stream, or it had no record yet');
    }
    if (read_model === undefined) return found(await whatThereIs(log));
    const scope = { limit, view, ...(id !== undefined && { id }) };
    const then = await past.documentsAt(tenantOf(request), read_model, moment, scope);
    if (!then) return notFound(request, 'read model');
    if (then.outcome !== 'folded') {
      const reason = faults[then.outcome];
      const detail = 'error' in then ? `The record at ${then.position}: ${then.error}` : reason.detail;
      return refuse({ ...reason, detail }, request);
    }
    const { position, documents, more, set_aside_since } = then;
    if (id !== undefined && documents.length === 0) return notFound(request, 'document at that moment');
    const body = { position, read_model, documents, more, set_aside_since };
    return found(body);
  },
});

/** What was, for those who audit it. */
export const auditPast: readonly Route[] = [streams, state];
