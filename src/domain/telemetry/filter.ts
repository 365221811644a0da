import type { TelemetryChunk } from './chunk.js';
import { bindQuery, type ChunkTest } from './query/match.js';
import { group, type Query } from './query/query.js';

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

/** A filter as the query that means the same; undefined where it asks for nothing. */
export const queryOfFilter = (filter: TelemetryFilter): Query | undefined => {
  const conditions: Query[] = [];
  for (const field of ['type', 'service', 'route', 'method', 'user_id', 'trace_id'] as const) {
    const text = filter[field];
    if (text !== undefined) conditions.push({ kind: 'is', field, text, prefix: false });
  }
  for (const field of ['status', 'status_class'] as const) {
    const value = filter[field];
    if (value !== undefined) conditions.push({ kind: 'compare', field, operator: '=', value });
  }
  if (filter.min_duration_ms !== undefined)
    conditions.push({ kind: 'compare', field: 'duration', operator: '>=', value: filter.min_duration_ms });
  for (const [attribute, text] of Object.entries(filter.attributes ?? {}))
    conditions.push({ kind: 'is', field: { attribute }, text, prefix: false });
  if (filter.q !== undefined && filter.q !== '') conditions.push({ kind: 'mentions', text: filter.q });
  const [first, ...others] = conditions;
  return first && group('and', [first, ...others]);
};

/** Makes a test of a filter: whether the event at an index of a chunk is meant. */
export const compileFilter = (
  filter: TelemetryFilter,
): ((chunk: TelemetryChunk, index: number) => boolean) => {
  const query = queryOfFilter(filter);
  if (!query) return () => true;
  // Chunks are gone through one after another.
  let bound: { readonly chunk: TelemetryChunk; readonly test: ChunkTest } | undefined;
  return (chunk, index) => {
    if (bound?.chunk !== chunk) bound = { chunk, test: bindQuery(query, chunk) };
    return bound.test(index);
  };
};
