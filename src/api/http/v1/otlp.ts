import { Type } from 'typebox';
import type { TelemetryEvent } from '../../../domain/telemetry/event.js';
import { eventOfLogRecord } from '../../../domain/telemetry/otlp/log.js';
import type { OtlpLogRecord, OtlpSpan } from '../../../domain/telemetry/otlp/model.js';
import { eventOfSpan } from '../../../domain/telemetry/otlp/span.js';
import type { ApiServices } from '../../dependencies.js';
import type { BodyLimits } from '../body.js';
import { POSITION_HEADER, type ApiRequest, type ApiResponse } from '../message.js';
import { encodingOf, JSON_TYPE, otlpFailure, otlpSuccess, PROTOBUF, type Partial } from '../otlp/answer.js';
import type { Decoded } from '../otlp/budget.js';
import { readJsonLogs, readJsonSpans } from '../otlp/json.js';
import { readProtobufLogs, readProtobufSpans } from '../otlp/protobuf.js';
import { ofRefusal, problem } from '../problem.js';
import { defineRoute, type FailureForm, type Route } from '../route.js';
import { open } from '../schemas.js';

const LIMIT = 64 * 1024 * 1024;
const LIMITS: BodyLimits = { received: LIMIT, decompressed: LIMIT };

const failures: FailureForm = {
  content_type: JSON_TYPE,
  schema: open(
    { code: Type.Integer({ description: 'google.rpc.Code' }), message: Type.String() },
    'RpcStatus',
  ),
  respond: otlpFailure,
};

/** What an export came to before it is stored. */
interface Mapped {
  readonly events: readonly TelemetryEvent[];
  readonly rejected: number;
  /** Sentences for the sender about what is not stored. */
  readonly notes: readonly string[];
}

const mapSpans = (spans: readonly OtlpSpan[]): Mapped => {
  // The same span twice in one export is one span.
  const events = new Map<string, TelemetryEvent>();
  const reasons = new Set<string>();
  let ignored = 0;
  let rejected = 0;
  for (const span of spans) {
    const outcome = eventOfSpan(span);
    if (outcome.kind === 'event') events.set(`${span.trace_id}:${span.span_id}`, outcome.event);
    else if (outcome.kind === 'ignored') ignored += 1;
    else {
      rejected += 1;
      reasons.add(outcome.reason);
    }
  }
  return {
    events: [...events.values()],
    rejected,
    notes: [
      ...reasons,
      ...(ignored > 0
        ? [
            `${ignored} spans are of no HTTP server or client and were ignored; nothing needs to be sent again.`,
          ]
        : []),
    ],
  };
};

const mapRecords = (records: readonly OtlpLogRecord[]): Mapped => ({
  events: records.map(eventOfLogRecord),
  rejected: 0,
  notes: [],
});

interface Signal<T> {
  readonly name: 'traces' | 'logs';
  readonly rejected_name: 'rejectedSpans' | 'rejectedLogRecords';
  readonly fromProtobuf: (body: Uint8Array) => Decoded<T>;
  readonly fromJson: (body: Buffer) => Decoded<T>;
  readonly map: (records: readonly T[]) => Mapped;
  /** Whether the same bytes again can only be the same export again. */
  readonly isUnique: (records: readonly T[]) => boolean;
}

const take = async <T>(
  signal: Signal<T>,
  { body, headers, context }: ApiRequest<unknown, unknown, Buffer>,
  { ingest, metrics }: Pick<ApiServices, 'ingest' | 'metrics'>,
): Promise<ApiResponse> => {
  const decoded = encodingOf(headers) === PROTOBUF ? signal.fromProtobuf(body) : signal.fromJson(body);
  if (!decoded.ok) {
    const code = decoded.status === 413 ? 'export_too_large' : 'undecodable_body';
    metrics.eventsRejected.inc({ code });
    return otlpFailure(problem(decoded.status, code, decoded.detail), headers);
  }
  const { records } = decoded;
  const overdrawn = context.charge?.(records.length);
  if (overdrawn) return otlpFailure(ofRefusal(overdrawn), headers);
  const { events, rejected: unusable, notes } = signal.map(records);
  const result = await ingest.events(
    {
      events,
      format: `otlp/${signal.name}`,
      ...(signal.isUnique(records) && { identity: body }),
    },
    { ...context, origin: 'otlp' },
  );
  if (!result.ok) {
    metrics.eventsRejected.inc({ code: result.refusal.code });
    return otlpFailure(ofRefusal(result.refusal), headers);
  }
  const { accepted, duplicates, errors } = result.value;
  const rejected = unusable + errors.length;
  metrics.eventsAccepted.inc(accepted);
  metrics.eventsDuplicate.inc(duplicates);
  if (rejected > 0) metrics.eventsRejected.inc({ code: 'part_of_a_batch' }, rejected);
  const reasons = new Set(errors.slice(0, 100).map(({ pointer, detail }) => `${pointer} ${detail}`.trim()));
  const partial: Partial = { rejected, message: [...notes, ...reasons].slice(0, 10).join(' ') };
  return {
    status: 200,
    headers: events.length > 0 ? { [POSITION_HEADER]: result.position } : {},
    ...otlpSuccess(partial, signal.rejected_name, headers),
  };
};

const traces: Signal<OtlpSpan> = {
  name: 'traces',
  rejected_name: 'rejectedSpans',
  fromProtobuf: readProtobufSpans,
  fromJson: readJsonSpans,
  map: mapSpans,
  // Span ids are unique.
  isUnique: () => true,
};

const logs: Signal<OtlpLogRecord> = {
  name: 'logs',
  rejected_name: 'rejectedLogRecords',
  fromProtobuf: readProtobufLogs,
  fromJson: readJsonLogs,
  map: mapRecords,
  // Records have no ids, but exporters give them their nanosecond; one that has none may well be meant twice.
  isUnique: (records) => records.every(({ time, observed }) => time > 0n || observed > 0n),
};

const binary = (message: string) =>
  Type.String({ format: 'binary', description: `opentelemetry.proto ${message}.` });

const partialSuccess = (counter: string) =>
  open({
    partialSuccess: Type.Optional(
      open({
        [counter]: Type.Optional(Type.String({ description: 'A decimal 64-bit integer.' })),
        errorMessage: Type.Optional(Type.String()),
      }),
    ),
  });

const description =
  'OTLP/HTTP, protobuf or JSON; the answer has the encoding of the request, and a failure is a google.rpc.Status.';

const exportTraces = defineRoute({
  method: 'POST',
  path: '/api/v1/ingestion/otlp/v1/traces',
  summary: 'Takes spans: those of HTTP servers become api_call events, those of HTTP clients outbound_call.',
  description,
  tags: ['ingestion'],
  auth: 'telemetry:write',
  limit: 'events',
  body: {
    raw: {
      [PROTOBUF]: binary('ExportTraceServiceRequest'),
      [JSON_TYPE]: open({ resourceSpans: Type.Optional(Type.Array(open({}))) }),
    },
    limits: LIMITS,
    may_be_empty: true,
  },
  failures,
  responses: {
    200: {
      description: 'Stored, but for what partialSuccess tells of.',
      schema: partialSuccess('rejectedSpans'),
    },
  },
  handle: (request, api) => take(traces, request, api),
});

const exportLogs = defineRoute({
  method: 'POST',
  path: '/api/v1/ingestion/otlp/v1/logs',
  summary: 'Takes log records: error events from severity number 17 on, log events below.',
  description,
  tags: ['ingestion'],
  auth: 'telemetry:write',
  limit: 'events',
  body: {
    raw: {
      [PROTOBUF]: binary('ExportLogsServiceRequest'),
      [JSON_TYPE]: open({ resourceLogs: Type.Optional(Type.Array(open({}))) }),
    },
    limits: LIMITS,
    may_be_empty: true,
  },
  failures,
  responses: {
    200: {
      description: 'Stored, but for what partialSuccess tells of.',
      schema: partialSuccess('rejectedLogRecords'),
    },
  },
  handle: (request, api) => take(logs, request, api),
});

export const otlp: readonly Route[] = [exportTraces, exportLogs];
