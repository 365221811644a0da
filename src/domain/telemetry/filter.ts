import type { TelemetryChunk } from './chunk.js';
import type { TelemetryEvent } from './event.js';

/** Which telemetry events are meant; every field that is there must hold. */
export interface TelemetryFilter {
  readonly type?: string;
  readonly service?: string;
  readonly route?: string;
  readonly method?: string;
  readonly status?: number;
  /** 2 for 2xx, and so on. */
  readonly status_class?: number;
  readonly min_duration_ms?: number;
  readonly user_id?: string;
  readonly trace_id?: string;
  /** By the text of their values. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Free text, in any field that holds text; upper and lower case are the same. */
  readonly q?: string;
}

type Test = (chunk: TelemetryChunk, index: number) => boolean;

const textFields = [
  'message',
  'path',
  'route',
  'service',
  'environment',
  'region',
  'method',
  'user_id',
  'consumer',
  'trace_id',
  'span_id',
  'severity',
  'id',
  'type',
] as const satisfies readonly (keyof TelemetryEvent)[];

const mentions = (event: TelemetryEvent, needle: string): boolean =>
  textFields.some((field) => event[field]?.toLowerCase().includes(needle)) ||
  Object.values(event.attributes ?? {}).some(
    (value) => typeof value === 'string' && value.toLowerCase().includes(needle),
  );

const attributeIs = (event: TelemetryEvent, key: string, wanted: string): boolean =>
  event.attributes !== undefined &&
  Object.hasOwn(event.attributes, key) &&
  String(event.attributes[key]) === wanted;

const column =
  (name: 'types' | 'services' | 'routes' | 'methods', wanted: string): Test =>
  (chunk, index) =>
    chunk[name].values[chunk[name].ids[index] ?? 0] === wanted;

/** Makes a test of a filter: whether the event at an index of a chunk is meant. */
export const compileFilter = (filter: TelemetryFilter): Test => {
  const tests: Test[] = [];
  const { type, service, route, method, status, status_class, min_duration_ms, user_id, trace_id } = filter;
  if (type !== undefined) tests.push(column('types', type));
  if (service !== undefined) tests.push(column('services', service));
  if (route !== undefined) tests.push(column('routes', route));
  if (method !== undefined) tests.push(column('methods', method));
  if (status !== undefined) tests.push(({ statuses }, index) => statuses[index] === status);
  if (status_class !== undefined)
    tests.push(({ statuses }, index) => Math.floor((statuses[index] ?? 0) / 100) === status_class);
  if (min_duration_ms !== undefined)
    tests.push(({ durations }, index) => (durations[index] ?? NaN) >= min_duration_ms);
  if (user_id !== undefined) tests.push(({ events }, index) => events[index]?.user_id === user_id);
  if (trace_id !== undefined) tests.push(({ events }, index) => events[index]?.trace_id === trace_id);
  for (const [key, wanted] of Object.entries(filter.attributes ?? {}))
    tests.push(({ events }, index) => {
      const event = events[index];
      return event !== undefined && attributeIs(event, key, wanted);
    });
  const needle = filter.q?.toLowerCase();
  if (needle !== undefined && needle !== '')
    tests.push(({ events }, index) => {
      const event = events[index];
      return event !== undefined && mentions(event, needle);
    });
  return (chunk, index) => tests.every((test) => test(chunk, index));
};
