import { Type } from 'typebox';
import type { CommandResult } from '../../../commands/handle.js';
import { MAX_EVENT_BYTES, TelemetryEvent } from '../../../domain/telemetry/event.js';
import { answer } from '../answers.js';
import type { BodyLimits } from '../body.js';
import type { ApiRequest } from '../message.js';
import { defineRoute } from '../route.js';
import { closed, open, Position, Time } from '../schemas.js';

const MEBIBYTE = 1024 * 1024;
const ONE: BodyLimits = { received: MAX_EVENT_BYTES + 4096, decompressed: MAX_EVENT_BYTES + 4096 };
const BATCH: BodyLimits = { received: 10 * MEBIBYTE, decompressed: 10 * MEBIBYTE };

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

/** What was refused is counted by its reason; what was stored by its number. */
const count = (
  {
    metrics,
  }: {
    metrics: {
      eventsAccepted: { inc(by?: number): void };
      eventsRejected: { inc(labels: { code: string }, by?: number): void };
    };
  },
  result: CommandResult<{ accepted?: number; rejected?: number; errors?: readonly { code: string }[] }>,
): void => {
  if (!result.ok) return metrics.eventsRejected.inc({ code: result.refusal.code });
  metrics.eventsAccepted.inc(result.value.accepted ?? 1);
  if (result.value.rejected) metrics.eventsRejected.inc({ code: 'invalid_event' }, result.value.rejected);
};

export const ingestOne = defineRoute({
  method: 'POST',
  path: '/api/v1/ingestion/events',
  summary: 'Stores one event; answers once it is durable.',
  tags: ['ingestion'],
  auth: 'telemetry:write',
  limit: 'events',
  idempotent: true,
  body: { raw: { 'application/json': TelemetryEvent }, limits: ONE },
  responses: {
    201: {
      description: 'Stored.',
      schema: open({ event_id: Type.String(), recorded_at: Time, position: Position }, 'IngestedEvent'),
      headers,
    },
  },
  async handle(request, api) {
    const result = await api.ingest.one(request.body, request.context);
    count(api, result);
    return answer(result, request, api, { status: 201, body: (value) => value });
  },
});

const Batch = Type.Union([
  Type.Array(TelemetryEvent, { minItems: 1 }),
  closed({ events: Type.Array(TelemetryEvent, { minItems: 1 }) }),
]);

export const ingestBatch = defineRoute({
  method: 'POST',
  path: '/api/v1/ingestion/events/batch',
  summary: 'Stores the valid events of a batch and names the others.',
  tags: ['ingestion'],
  auth: 'telemetry:write',
  limit: 'events',
  idempotent: true,
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
  },
  responses: {
    200: {
      description: 'At least one event is stored.',
      schema: open(
        {
          accepted: Type.Integer({ minimum: 0 }),
          duplicates: Type.Integer({ minimum: 0 }),
          rejected: Type.Integer({ minimum: 0 }),
          errors: Type.Array(RejectedEvent),
          batch_id: Type.String(),
          position: Position,
        },
        'IngestedBatch',
      ),
      headers: { ...headers, 'Retry-After': 'Where something was rejected that may be sent again.' },
    },
  },
  problems: [422],
  async handle(request, api) {
    const { verbose, atomic } = request.query;
    const result = await api.ingest.batch(request.body, formatOf(request), request.context, {
      ...(verbose !== undefined && { verbose }),
      ...(atomic !== undefined && { atomic }),
    });
    count(api, result);
    const response = await answer(result, request, api, {
      status: 200,
      body: (value) => value,
      headers: ({ errors }): Record<string, string> =>
        errors.some(({ retryable }) => retryable) ? { 'Retry-After': '2' } : {},
    });
    return result.ok ? { ...response, cost: result.value.accepted + result.value.rejected } : response;
  },
});

const formatOf = ({
  headers: { 'content-type': type = '' },
}: Pick<ApiRequest, 'headers'>): 'json' | 'ndjson' =>
  type.toLowerCase().startsWith(NDJSON) ? 'ndjson' : 'json';
