import { Type } from 'typebox';
import { linesOf } from '../../../commands/ingest/ingest.js';
import { eventOfCloudEvent } from '../../../domain/telemetry/cloud-event.js';
import { TelemetryEvent } from '../../../domain/telemetry/event.js';
import { compile } from '../../../platform/validation.js';
import { answer, refuse } from '../answers.js';
import { BATCHED, readCloudEvents, STRUCTURED } from '../cloud-events.js';
import { ofRefusal, problem } from '../problem.js';
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
    may_be_empty: true,
  },
  responses: {
    200: { description: 'At least one event is stored.', schema: IngestedBatch, headers: batchHeaders },
  },
  async handle(request, api) {
    const { eventsAccepted, eventsDuplicate, eventsRejected } = api.metrics;
    const read = readCloudEvents(request.body, request.headers);
    if (!read.ok) return refuse(read.problem, request);
    const overdrawn = request.context.charge?.(read.events.length);
    if (overdrawn) return refuse(ofRefusal(overdrawn), request);
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
    if (!result.ok) {
      eventsRejected.inc({ code: result.refusal.code });
      return answer(result, request, api, { status: 200, body: (value: object) => value });
    }
    const { accepted, duplicates, batch_id } = result.value;
    const errors = [
      ...invalid,
      ...result.value.errors.map((error) => ({ ...error, index: places[error.index] ?? error.index })),
    ].sort((one, other) => one.index - other.index);
    eventsAccepted.inc(accepted);
    eventsDuplicate.inc(duplicates);
    if (errors.length > 0) eventsRejected.inc({ code: 'part_of_a_batch' }, errors.length);
    if (accepted + duplicates === 0) {
      const told = errors.slice(0, 100).map(({ index, pointer, code, detail }) => ({
        pointer: `/${index}${pointer}`,
        code,
        detail,
      }));
      const reason = problem(400, 'no_valid_events', 'There is no valid CloudEvent.', { errors: told });
      return refuse(reason, request);
    }
    const value = { accepted, duplicates, rejected: errors.length, errors: errors.slice(0, 100), batch_id };
    return answer({ ...result, value }, request, api, { status: 200, body: (body) => body });
  },
});

export const cloudevents: readonly Route[] = [cloudEvents];
