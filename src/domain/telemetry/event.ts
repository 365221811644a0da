import { Type, type Static } from 'typebox';
import { MAX_LENGTHS, MAX_WEIGHT, TYPE_PATTERN } from './event-limits.js';

const text = (field: keyof typeof MAX_LENGTHS) =>
  Type.Optional(Type.String({ maxLength: MAX_LENGTHS[field] }));
const size = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
const MAX_DURATION_MS = 1e9;
/** Different durations that one event may hold. */
const MAX_DURATIONS = 512;

/**
 * A telemetry event as clients send it and as the log keeps it. Everything but `type` may be absent; defaults are
 * applied when a record is read, so that the log holds what was received and nothing else.
 * Stored format: names and fields are on disk for good.
 */
export const TelemetryEvent = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_LENGTHS.id,
        description: 'The client’s own id of the event.',
      }),
    ),
    type: Type.String({
      pattern: TYPE_PATTERN,
      description: 'api_call, error, user_action, or any other name.',
    }),
    timestamp: Type.Optional(
      Type.Union([
        Type.String({ maxLength: MAX_LENGTHS.timestamp, description: 'RFC 3339.' }),
        Type.Number({ minimum: 0, maximum: 8.64e15, description: 'Milliseconds since 1970, UTC.' }),
      ]),
    ),
    service: text('service'),
    environment: text('environment'),
    region: text('region'),
    method: text('method'),
    route: text('route'),
    path: text('path'),
    status_code: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
    duration_ms: Type.Optional(Type.Number({ minimum: 0, maximum: MAX_DURATION_MS })),
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: MAX_WEIGHT,
        description:
          'How many requests the event stands for; 1, or as many as it has durations, where absent.',
      }),
    ),
    sample_rate: Type.Optional(
      Type.Number({
        minimum: 1 / MAX_WEIGHT,
        maximum: 1,
        description: 'The share of requests of which events are sent: the weight is one in it.',
      }),
    ),
    durations: Type.Optional(
      Type.Object(
        {
          values: Type.Array(Type.Number({ minimum: 0, maximum: MAX_DURATION_MS }), {
            minItems: 1,
            maxItems: MAX_DURATIONS,
            description: 'Milliseconds, in any order.',
          }),
          counts: Type.Array(Type.Integer({ minimum: 1, maximum: MAX_WEIGHT }), {
            minItems: 1,
            maxItems: MAX_DURATIONS,
            description: 'How many requests took each.',
          }),
        },
        {
          additionalProperties: false,
          description:
            'In place of duration_ms, how long the requests took that the event stands for; not more than its weight.',
        },
      ),
    ),
    request_bytes: size,
    response_bytes: size,
    user_id: text('user_id'),
    consumer: text('consumer'),
    trace_id: text('trace_id'),
    span_id: text('span_id'),
    severity: text('severity'),
    message: text('message'),
    attributes: Type.Optional(
      Type.Unsafe<Readonly<Record<string, string | number | boolean | null>>>({
        type: 'object',
        maxProperties: 64,
        propertyNames: { maxLength: 128, pattern: '^(?!(?:__proto__|constructor|prototype)$)' },
        additionalProperties: {
          anyOf: [
            { type: 'string', maxLength: 8192 },
            { type: 'number' },
            { type: 'boolean' },
            { type: 'null' },
          ],
        },
      }),
    ),
  },
  { additionalProperties: false },
);
export type TelemetryEvent = Static<typeof TelemetryEvent>;
