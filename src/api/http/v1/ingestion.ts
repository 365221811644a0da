import { Type, type Static } from 'typebox';
import type { OneAnswer } from '../../../commands/ingest/ingest.js';
import { TelemetryEvent } from '../../../domain/telemetry/event.js';
import { MAX_EVENT_BYTES } from '../../../domain/telemetry/event-limits.js';
import type { TelemetryFilter } from '../../../domain/telemetry/filter.js';
import { SentAt } from '../../../domain/telemetry/sender-clock.js';
import { MAX_QUERY_LENGTH, parseQuery } from '../../../domain/telemetry/query/parse.js';
import { chunkIndex } from '../../../projections/chunk-index/projection.js';
import { routeBooks } from '../../../projections/routes/projection.js';
import { metrics } from '../../../projections/metrics/projection.js';
import { statistics, type Dimension } from '../../../projections/metrics/statistics.js';
import { eventById } from '../../../projections/search/event-by-id.js';
import { searchEvents } from '../../../projections/search/search.js';
import { answerNow, found, listing, notFound, refuse, tenantOf } from '../answers.js';
import type { BodyLimits } from '../body.js';
import { countRefused, countStored } from '../ingest-outcomes.js';
import type { ApiRequest } from '../message.js';
import { problem } from '../problem.js';
import { defineRoute, type Route } from '../route.js';
import { closed, open, page, Position, Time } from '../schemas.js';
import { range, readRange } from '../times.js';
import { Events, EventWithProvenance, Statistics } from './shapes.js';

const ONE: BodyLimits = { received: MAX_EVENT_BYTES + 4096, decompressed: MAX_EVENT_BYTES + 4096 };
/** What a body with several events may come to, where nothing else is set for a tenant. */
export const BATCH_BYTES = 10 * 1024 * 1024;
const BATCH: BodyLimits = { received: BATCH_BYTES, decompressed: BATCH_BYTES };

/** An event as clients send it. */
const SentEvent = closed(TelemetryEvent.properties, 'SentTelemetryEvent');

const NDJSON = 'application/x-ndjson';

const RejectedEvent = open(
  {
    index: Type.Integer({ minimum: 0 }),
    id: Type.Optional(Type.String()),
    pointer: Type.String(),
    code: Type.String(),
    detail: Type.String(),
    retryable: Type.Boolean(),
  },
  'RejectedEvent',
);

const headers = { 'X-PulseStream-Position': 'The log position that the events are at.' };

/** What a request with several events is answered. */
export const IngestedBatch = open(
  {
    accepted: Type.Integer({ minimum: 0 }),
    duplicates: Type.Integer({ minimum: 0 }),
    rejected: Type.Integer({ minimum: 0 }),
    errors: Type.Array(RejectedEvent),
    batch_id: Type.String(),
    position: Position,
  },
  'IngestedBatch',
);
export const batchHeaders = {
  ...headers,
  'Retry-After': 'Where something was rejected that may be sent again.',
};

const CREATED = { status: 201, body: (value: OneAnswer): OneAnswer => value };

export const ingestOne = defineRoute({
  method: 'POST',
  path: '/api/v1/ingestion/events',
  summary: 'Stores one event; answers once it is durable.',
  tags: ['ingestion'],
  auth: 'telemetry:write',
  limit: 'events',
  idempotent: true,
  body: { raw: { 'application/json': SentEvent }, limits: ONE },
  responses: {
    201: {
      description: 'Stored.',
      schema: open(
        {
          event_id: Type.String(),
          recorded_at: Time,
          position: Position,
          duplicate: Type.Optional(
            Type.Literal(true, {
              description: 'An event with this id was stored in the last 24 hours: this is that one.',
            }),
          ),
        },
        'IngestedEvent',
      ),
      headers,
    },
  },
  async handle(request, api) {
    const result = await api.ingest.one(request.body, request.context);
    if (!result.ok) countRefused(api, request, result.refusal);
    else {
      const duplicates = result.value.duplicate ? 1 : 0;
      countStored(api, request, { accepted: 1 - duplicates, duplicates, errors: [], rejected: 0 });
    }
    return answerNow(result, request, CREATED);
  },
});

const Batch = Type.Union([
  Type.Array(SentEvent, { minItems: 1 }),
  closed({ events: Type.Array(SentEvent, { minItems: 1 }), sent_at: Type.Optional(SentAt) }),
]);

const ORIGIN_HEADER = 'X-PulseStream-Origin';

/**
 * Through which door a sender says that events come. What a holder of a key may say changes nothing of what it may do:
 * both are doors that it may use. `demo` says that the events are made up; a server takes them where it is told to.
 */
const declaredOrigin = ({
  headers: { 'x-pulsestream-origin': origin = 'api' },
}: Pick<ApiRequest, 'headers'>): 'api' | 'import' | 'demo' | undefined =>
  origin === 'api' || origin === 'import' || origin === 'demo' ? origin : undefined;

export const ingestBatch = defineRoute({
  method: 'POST',
  path: '/api/v1/ingestion/events/batch',
  summary: 'Stores the valid events of a batch and names the others.',
  tags: ['ingestion'],
  auth: 'telemetry:write',
  limit: 'events',
  idempotent: true,
  headers: {
    [ORIGIN_HEADER]:
      'import, where a tool reads the events from somewhere: their provenance says so. Default: api.',
  },
  query: closed({
    verbose: Type.Optional(
      Type.Boolean({ description: 'Name every rejected event instead of the first 100.' }),
    ),
    atomic: Type.Optional(Type.Boolean({ description: 'All or nothing.' })),
  }),
  body: {
    raw: {
      'application/json': Batch,
      [NDJSON]: Type.String({ description: 'One event as JSON on each line.' }),
    },
    limits: BATCH,
    several: true,
  },
  responses: {
    200: {
      description: 'At least one event is stored.',
      schema: IngestedBatch,
      headers: batchHeaders,
    },
  },
  problems: [422],
  async handle(request, api) {
    const { verbose, atomic } = request.query;
    const origin = declaredOrigin(request);
    if (origin === undefined)
      return refuse(problem(400, 'invalid_origin', `${ORIGIN_HEADER} may be api or import.`), request);
    if (origin === 'demo' && !api.config.demo_data)
      return refuse(
        problem(
          403,
          'demo_data_refused',
          'This server takes no made-up events: PULSESTREAM_DEMO_DATA is not set.',
        ),
        request,
      );
    const result = await api.ingest.batch(
      request.body,
      formatOf(request),
      { ...request.context, origin },
      {
        ...(verbose !== undefined && { verbose }),
        ...(atomic !== undefined && { atomic }),
      },
    );
    if (result.ok) countStored(api, request, result.value);
    else countRefused(api, request, result.refusal);
    return answerNow(result, request, {
      status: 200,
      body: (value) => value,
      headers: ({ errors }): Record<string, string> =>
        errors.some(({ retryable }) => retryable) ? { 'Retry-After': '2' } : {},
    });
  },
});

const formatOf = ({
  headers: { 'content-type': type = '' },
}: Pick<ApiRequest, 'headers'>): 'json' | 'ndjson' =>
  type.toLowerCase().startsWith(NDJSON) ? 'ndjson' : 'json';

const text = (maxLength: number) => Type.Optional(Type.String({ minLength: 1, maxLength }));
const filters = {
  type: text(64),
  service: text(128),
  route: text(512),
  method: text(32),
  status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
  status_class: Type.Optional(Type.Integer({ minimum: 1, maximum: 5, description: '5 for 5xx.' })),
  min_duration_ms: Type.Optional(Type.Number({ minimum: 0 })),
  user_id: text(256),
  trace_id: text(64),
  q: Type.Optional(
    Type.String({ minLength: 1, maxLength: 256, description: 'Free text, in any field of text.' }),
  ),
};
const SearchFields = closed({
  ...page,
  ...range,
  ...filters,
  query: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MAX_QUERY_LENGTH,
      description:
        'A query, such as service:checkout status:>=500 duration:>250 "timed out" -route:/health. ' +
        'It must hold as well as the other parameters.',
    }),
  ),
});
const SearchQuery: typeof SearchFields = Object.assign(SearchFields, {
  patternProperties: { '^attributes\\..{1,128}$': Type.String({ maxLength: 8192 }) },
});

/** The parameters that say which events are meant; `attributes.x=1` asks for an attribute by the text of its value. */
const filterOf = (query: Static<typeof SearchQuery>): TelemetryFilter => {
  const names = new Set(Object.keys(filters));
  const entries = Object.entries(query);
  const attributes = entries.flatMap(([name, value]) =>
    name.startsWith('attributes.') ? [[name.slice('attributes.'.length), String(value)] as const] : [],
  );
  return {
    ...Object.fromEntries(entries.filter(([name]) => names.has(name))),
    ...(attributes.length > 0 && { attributes: Object.fromEntries(attributes) }),
  };
};

const search = defineRoute({
  method: 'GET',
  path: '/api/v1/ingestion/events/search',
  summary: 'Finds events, the newest first. A page may be short, or empty, and still have a next one.',
  description: 'Attributes are asked for as attributes.<name>=<value>.',
  tags: ['ingestion'],
  auth: 'telemetry:read',
  reads: [chunkIndex, routeBooks],
  query: SearchQuery,
  responses: {
    200: { description: 'A page of them.', schema: Events, headers: { Link: 'The next page (rel="next").' } },
  },
  handle(request, { models, visible_log: log }) {
    const times = readRange(request.query);
    if (!times.ok) return Promise.resolve(refuse(times.problem, request));
    const filter = filterOf(request.query);
    const parsed = request.query.query === undefined ? undefined : parseQuery(request.query.query);
    if (parsed && !parsed.ok) {
      const detail = `At character ${parsed.offset} there should be ${parsed.expected}.`;
      const errors = [{ pointer: '/query', code: 'invalid_query', detail }];
      return Promise.resolve(refuse(problem(400, 'invalid_query', detail, { errors }), request));
    }
    return listing(request, async (paging) => {
      const outcome = await searchEvents(models, log, tenantOf(request), {
        filter,
        ...(parsed && { query: parsed.query }),
        ...times.range,
        ...paging,
      });
      return outcome.ok ? outcome : undefined;
    });
  },
});

const first_dimensions = 'type|service|route|method|status';
const dimensions = [
  'type',
  'service',
  'route',
  'method',
  'status',
  'status_class',
] as const satisfies readonly Dimension[];
const groups = (names: string, more: number) =>
  Type.String({ pattern: `^(${names})(,(${names})){0,${more}}$` });

const unit_ms: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const intervalOf = (text: string): number => Number(text.slice(0, -1)) * (unit_ms[text.slice(-1)] ?? 0);

const statisticsRoute = defineRoute({
  method: 'GET',
  path: '/api/v1/ingestion/events/statistics',
  summary: 'Counts, rates and percentiles, by interval and by fields.',
  tags: ['ingestion'],
  auth: 'telemetry:read',
  reads: [metrics, routeBooks],
  query: closed({
    ...range,
    interval: Type.Optional(
      Type.Union([Type.Enum(['1m', '1h', '1d']), Type.String({ pattern: '^[1-9][0-9]{0,3}[mhd]$' })], {
        description: 'Any number of minutes, hours or days: 5m, 6h, 1d.',
      }),
    ),
    group_by: Type.Optional(
      Type.Union([groups(first_dimensions, 4), groups(dimensions.join('|'), 2)], {
        description: `Up to three of ${dimensions.join(', ')}, separated by commas.`,
      }),
    ),
  }),
  responses: { 200: { description: 'What the time came to.', schema: Statistics } },
  async handle(request, { models }) {
    const times = readRange(request.query);
    if (!times.ok) return refuse(times.problem, request);
    const { interval, group_by } = request.query;
    const chosen = dimensions.filter((dimension) => group_by?.split(',').includes(dimension));
    const outcome = await statistics(models, tenantOf(request), {
      ...times.range,
      ...(interval !== undefined && { interval_ms: intervalOf(interval) }),
      group_by: chosen,
    });
    if (!outcome.ok) return refuse(problem(400, outcome.code, outcome.detail), request);
    const { position, from, to, totals, status, data } = outcome;
    const body = { position, from, to, totals, status, data };
    return found(body);
  },
});

const event = defineRoute({
  method: 'GET',
  path: '/api/v1/ingestion/events/{event_id}',
  summary: 'One event, with its provenance.',
  tags: ['ingestion'],
  auth: 'telemetry:read',
  reads: [chunkIndex, routeBooks],
  params: closed({ event_id: Type.String({ maxLength: 64 }) }),
  responses: { 200: { description: 'The event.', schema: EventWithProvenance } },
  async handle(request, { models, visible_log: log }) {
    const stored = await eventById(models, log, tenantOf(request), request.params.event_id);
    return stored ? found(stored) : notFound(request, 'event');
  },
});

export const ingestion: readonly Route[] = [ingestOne, ingestBatch, search, statisticsRoute, event];
