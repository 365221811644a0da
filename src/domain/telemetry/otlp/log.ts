import type { TelemetryEvent } from '../event.js';
import { isSpanId, isTraceId, millisOf, type OtlpLogRecord } from './model.js';
import { addResource, AttributeList, clip, field, ofResource, textOf } from './values.js';

/** Severity numbers go in fours, from TRACE to FATAL. */
const SEVERITIES = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** From here on a record tells of an error. */
const ERROR_SEVERITY = 17;
const LAST_SEVERITY = 24;

const severityOf = ({ severity_number: number, severity_text: text }: OtlpLogRecord): string | undefined =>
  number >= 1 && number <= LAST_SEVERITY ? SEVERITIES[Math.floor((number - 1) / 4)] : text.toLowerCase();

/** A log record as an event: `error` from severity 17 on, else `log`. */
export const eventOfLogRecord = (record: OtlpLogRecord): TelemetryEvent => {
  const { resource, attributes } = record;
  const timestamp = millisOf(record.time) ?? millisOf(record.observed);
  const list = new AttributeList();
  if (record.event_name !== '') list.add('event.name', record.event_name);
  addResource(list, resource);
  if (record.scope !== '') list.add('scope.name', record.scope);
  for (const [name, value] of attributes) list.add(name, value);
  return {
    type: record.severity_number >= ERROR_SEVERITY ? 'error' : 'log',
    ...(timestamp !== undefined && { timestamp }),
    ...ofResource(resource),
    ...(isTraceId(record.trace_id) && { trace_id: record.trace_id }),
    ...(isSpanId(record.span_id) && { span_id: record.span_id }),
    ...field('severity', severityOf(record), 32),
    ...(record.body !== null && { message: clip(textOf(record.body), 32_768) }),
    ...list.field(),
  };
};
