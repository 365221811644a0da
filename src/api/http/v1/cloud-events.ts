import { Type } from 'typebox';
import { MAX_BATCH_EVENTS } from '../../../commands/ingest/ingest.js';
import { linesOf } from '../../../commands/ingest/made-events.js';
import { eventOfCloudEvent } from '../../../domain/telemetry/cloud-event.js';
import { TelemetryEvent } from '../../../domain/telemetry/event.js';
import { compile } from '../../../platform/validation.js';
import { answer, refuse } from '../answers.js';
import { BATCHED, readCloudEvents, STRUCTURED } from '../cloud-events.js';
import { countRefused, countStored } from '../ingest-outcomes.js';
import type { ApiResponse } from '../message.js';
import { ofRefusal, problem, type Problem } from '../problem.js';
import { ANY_MEDIA_TYPE, defineRoute, type Route } from '../route.js';
import { open } from '../schemas.js';
import { batchHeaders, IngestedBatch } from './ingestion.js';

const LIMIT = 10 * 1024 * 1024;

const validate = compile(TelemetryEvent);
const fits = (value: unknown): value is TelemetryEvent => validate(value).ok;

const CloudEventShape = open(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String({ minLength: 1 }),
    source: Type.String({ minLength: 1 }),
    type: Type.String({ minLength: 1 }),
    subject: Type.Optional(Type.String()),
    time: Type.Optional(Type.String({ format: 'date-time' })),
    datacontenttype: Type.Optional(Type.String()),
    data: Type.Optional(Type.Unknown()),
    data_base64: Type.Optional(Type.String()),
  },
  'CloudEvent',
);

const cloudEvents = defineRoute({
  method: 'POST',
  path: '/api/v1/ingestion/cloudevents',
  summary: 'Stores CloudEvents 1.0: structured, batched, or binary with ce- headers.',
  description:
    'Data that is a telemetry event is stored as one; anything else becomes its message. The valid ones are stored, ' +
    'the others named; the same request again stores nothing twice.',
  tags: ['ingestion'],
  auth: 'telemetry:write',
  limit: 'events',
  body: {
    raw: {
      [STRUCTURED]: CloudEventShape,
      [BATCHED]: Type.Array(CloudEventShape),
      [ANY_MEDIA_TYPE]: Type.String({
        description: 'The data of a CloudEvent whose attributes are headers.',
      }),
    },
    limits: { received: LIMIT, decompressed: LIMIT },
    several: true,
    may_be_empty: true,
  },
  responses: {
    200: { description: 'At least one event is stored.', schema: IngestedBatch, headers: batchHeaders },
  },
  async handle(request, api) {
    const refused = (reason: Problem): ApiResponse => {
      countRefused(api, request, reason);
      return refuse(reason, request);
    };
    const read = readCloudEvents(
      request.body,
      request.headers,
      request.context.limits?.batch_events ?? MAX_BATCH_EVENTS,
    );
    if (!read.ok) return refused(read.problem);
    const overdrawn = request.context.charge?.(read.events.length);
    if (overdrawn) return refused(ofRefusal(overdrawn));
    const places: number[] = [];
    const invalid = read.events.flatMap((event, index) => {
      if ('pointer' in event) return [{ index, ...event, retryable: false }];
      places.push(index);
      return [];
    });
    const events = read.events.flatMap((event) =>
      'pointer' in event ? [] : [eventOfCloudEvent(event, fits)],
    );
    const result = await api.ingest.events(
      { ...linesOf(events), format: 'cloudevents', identity: read.identity },
      request.context,
    );
    if (!result.ok) return refused(ofRefusal(result.refusal));
    const { accepted, duplicates, batch_id } = result.value;
    const errors = [
      ...invalid,
      ...result.value.errors.map((error) => ({ ...error, index: places[error.index] ?? error.index })),
    ].sort((one, other) => one.index - other.index);
    if (accepted + duplicates === 0) {
      const told = errors.slice(0, 100).map(({ index, pointer, code, detail }) => ({
        pointer: `/${index}${pointer}`,
        code,
        detail,
      }));
      const reason = problem(400, 'no_valid_events', 'There is no valid CloudEvent.', { errors: told });
      return refused(reason);
    }
    countStored(api, request, { accepted, duplicates, errors, rejected: errors.length });
    const value = { accepted, duplicates, rejected: errors.length, errors: errors.slice(0, 100), batch_id };
    return answer({ ...result, value }, request, api, { status: 200, body: (body) => body });
  },
});

export const cloudevents: readonly Route[] = [cloudEvents];
