import { Type } from 'typebox';
import { linesOf, type MadeEvents } from '../../../commands/ingest/made-events.js';
import type { TelemetryEvent } from '../../../domain/telemetry/event.js';
import { eventOfLogRecord } from '../../../domain/telemetry/otlp/log.js';
import type { OtlpLogRecord, OtlpSpan } from '../../../domain/telemetry/otlp/model.js';
import { eventOfSpan } from '../../../domain/telemetry/otlp/span.js';
import type { ApiServices } from '../../dependencies.js';
import type { BodyLimits } from '../body.js';
import { countIgnored, countRefused, countStored } from '../ingest-outcomes.js';
import { POSITION_HEADER, type ApiRequest, type ApiResponse } from '../message.js';
import { encodingOf, JSON_TYPE, otlpFailure, otlpSuccess, PROTOBUF, type Partial } from '../otlp/answer.js';
import type { Decoded } from '../otlp/budget.js';
import { readJsonLogs, readJsonSpans } from '../otlp/json.js';
import { readProtobufLogs, readProtobufSpans } from '../otlp/protobuf.js';
import { spanLines } from '../otlp/span-lines.js';
import { ofRefusal, problem, type Problem } from '../problem.js';
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
interface Mapped extends Omit<MadeEvents, 'format'> {
  /** Spans or log records. */
  readonly records: number;
  readonly rejected: number;
  /** Why some were rejected: sentences for the sender. */
  readonly reasons: readonly string[];
  /** How many are of no kind that is stored. */
  readonly ignored: number;
  /** Gives the room of the lines back, where it is used again. */
  readonly release?: () => void;
}

type Reading = { readonly ok: true; readonly mapped: Mapped } | Exclude<Decoded<never>, { ok: true }>;

const ignoredNote = (ignored: number): string =>
  `${ignored} spans are of no HTTP server or client and were ignored; nothing needs to be sent again.`;

const mapSpans = (spans: readonly OtlpSpan[]): Mapped => {
  const events: TelemetryEvent[] = [];
  const reasons = new Set<string>();
  let ignored = 0;
  let rejected = 0;
  for (const span of spans) {
    const outcome = eventOfSpan(span);
    if (outcome.kind === 'event') events.push(outcome.event);
    else if (outcome.kind === 'ignored') ignored += 1;
    else {
      rejected += 1;
      reasons.add(outcome.reason);
    }
  }
  return {
    ...linesOf(events),
    records: spans.length,
    ...{ rejected, reasons: [...reasons], ignored },
  };
};

const mapRecords =
  (body: Buffer) =>
  (records: readonly OtlpLogRecord[]): Mapped => ({
    ...linesOf(records.map(eventOfLogRecord)),
    records: records.length,
    ...{ rejected: 0, reasons: [], ignored: 0 },
    // Records have no ids, but exporters give them their nanosecond; one that has none may well be meant twice.
    ...(records.every(({ time, observed }) => time > 0n || observed > 0n) && { identity: body }),
  });

const mapped = <T>(decoded: Decoded<T>, map: (records: readonly T[]) => Mapped): Reading =>
  decoded.ok ? { ok: true, mapped: map(decoded.records) } : decoded;

interface Signal {
  readonly name: 'traces' | 'logs';
  readonly rejected_name: 'rejectedSpans' | 'rejectedLogRecords';
  readonly fromProtobuf: (body: Buffer) => Reading;
  readonly fromJson: (body: Buffer) => Reading;
}

const traces: Signal = {
  name: 'traces',
  rejected_name: 'rejectedSpans',
  fromProtobuf: (body) => {
    const quick = spanLines(body);
    if (!quick) return mapped(readProtobufSpans(body), mapSpans);
    const { events, spans, ...told } = quick;
    return { ok: true, mapped: { ...told, count: events, records: spans } };
  },
  fromJson: (body) => mapped(readJsonSpans(body), mapSpans),
};

const logs: Signal = {
  name: 'logs',
  rejected_name: 'rejectedLogRecords',
  fromProtobuf: (body) => mapped(readProtobufLogs(body), mapRecords(body)),
  fromJson: (body) => mapped(readJsonLogs(body), mapRecords(body)),
};

/** Refuses a request, and counts that. */
const refusing =
  (request: ApiRequest<unknown, unknown, Buffer>, api: Pick<ApiServices, 'metrics' | 'issues'>) =>
  (reason: Problem): ApiResponse => {
    countRefused(api, request, reason);
    return otlpFailure(reason, request.headers);
  };

/** Stores what was read, and answers. */
const store = async (
  signal: Signal,
  request: ApiRequest<unknown, unknown, Buffer>,
  api: Pick<ApiServices, 'ingest' | 'metrics' | 'issues'>,
  mapped: Mapped,
): Promise<ApiResponse> => {
  const { headers, context } = request;
  const refuse = refusing(request, api);
  const { records, rejected: unusable, reasons: why, ignored, ...made } = mapped;
  const most = context.limits?.batch_events;
  if (most !== undefined && records > most)
    return refuse(problem(413, 'too_many_events', `An export may have ${most} records.`));
  const overdrawn = context.charge?.(records);
  if (overdrawn) return refuse(ofRefusal(overdrawn));
  const result = await api.ingest.events(
    { ...made, format: `otlp/${signal.name}` },
    { ...context, origin: 'otlp' },
  );
  if (!result.ok) return refuse(ofRefusal(result.refusal));
  const { errors } = result.value;
  const rejected = unusable + errors.length;
  const no_spans = { code: 'invalid_span', pointer: '', detail: why[0] ?? '', count: unusable };
  countStored(api, request, {
    ...result.value,
    errors: unusable > 0 ? [no_spans, ...errors] : errors,
    rejected,
  });
  countIgnored(api, request, ignored, ignoredNote(ignored));
  const notes = ignored > 0 ? [...why, ignoredNote(ignored)] : why;
  const reasons = new Set(errors.slice(0, 100).map(({ pointer, detail }) => `${pointer} ${detail}`.trim()));
  const partial: Partial = { rejected, message: [...notes, ...reasons].slice(0, 10).join(' ') };
  return {
    status: 200,
    headers: made.count > 0 ? { [POSITION_HEADER]: result.position } : {},
    ...otlpSuccess(partial, signal.rejected_name, headers),
  };
};

/** Reads an export, stores it and answers. */
const take = async (
  signal: Signal,
  request: ApiRequest<unknown, unknown, Buffer>,
  api: Pick<ApiServices, 'ingest' | 'metrics' | 'issues'>,
): Promise<ApiResponse> => {
  const { body, headers } = request;
  const reading = encodingOf(headers) === PROTOBUF ? signal.fromProtobuf(body) : signal.fromJson(body);
  if (!reading.ok) {
    const code = reading.status === 413 ? 'export_too_large' : 'undecodable_body';
    return refusing(request, api)(problem(reading.status, code, reading.detail));
  }
  try {
    return await store(signal, request, api, reading.mapped);
  } finally {
    reading.mapped.release?.();
  }
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

const exportRoute = (
  signal: Signal,
  about: { readonly summary: string; readonly message: string; readonly field: string },
): Route =>
  defineRoute({
    method: 'POST',
    path: `/api/v1/ingestion/otlp/v1/${signal.name}`,
    summary: about.summary,
    description,
    tags: ['ingestion'],
    auth: 'telemetry:write',
    limit: 'events',
    body: {
      raw: {
        [PROTOBUF]: binary(about.message),
        [JSON_TYPE]: open({ [about.field]: Type.Optional(Type.Array(open({}))) }),
      },
      limits: LIMITS,
      several: true,
      may_be_empty: true,
    },
    failures,
    responses: {
      200: {
        description: 'Stored, but for what partialSuccess tells of.',
        schema: partialSuccess(signal.rejected_name),
      },
    },
    handle: (request, api) => take(signal, request, api),
  });

export const otlp: readonly Route[] = [
  exportRoute(traces, {
    summary:
      'Takes spans: those of HTTP servers become api_call events, those of HTTP clients outbound_call.',
    message: 'ExportTraceServiceRequest',
    field: 'resourceSpans',
  }),
  exportRoute(logs, {
    summary: 'Takes log records: error events from severity number 17 on, log events below.',
    message: 'ExportLogsServiceRequest',
    field: 'resourceLogs',
  }),
];
