import type { TenantId } from '../../domain/ids.js';
import type { Json } from '../../domain/json.js';
import {
  START,
  type EventLog,
  type Position,
  type RecordedEvent,
  type StreamName,
} from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { typesOf, type AnyProjection, type Projection } from '../../projections/projection.js';
import { RouteShelf } from '../../projections/routes/shelf.js';
import { isSwept } from '../../projections/runner/sweeping.js';
import { TimeSlice } from '../../projections/runner/time-slice.js';
import type { Document, Value } from '../../readstore/read-store.js';
import { LogView } from '../log-view.js';
import { isAfter, type Moment } from '../moments.js';
import { giveWay } from '../replays/courtesy.js';
import { sightAt, type View } from './sight.js';

/** Which documents: one, or all of them up to so many. */
export interface Scope {
  readonly id?: string;
  readonly limit: number;
  readonly view: View;
}

export type DocumentsAt =
  | {
      readonly outcome: 'folded';
      /** Of the last record that was folded. */
      readonly position: Position;
      /** In the order of their ids; bytes as base64. */
      readonly documents: readonly Json[];
      /** Whether there were more. */
      readonly more: boolean;
      /** Records that were folded and have been set aside since, as a whole or in part. */
      readonly set_aside_since: number;
    }
  | { readonly outcome: 'unfoldable'; readonly position: Position; readonly error: string }
  /** Too much for one request. */
  | { readonly outcome: 'too_long' | 'too_many' | 'busy' };

/** A request waits no longer than this. */
const PATIENCE_MS = 20_000;
/** Documents that are held in memory. */
const MOST_DOCUMENTS = 20_000;

/** Folds a tenant's records up to a moment in memory. Requests go first. */
export const documentsAt = async (
  log: Pick<EventLog, 'readStream' | 'readAll' | 'head'>,
  clock: Clock,
  projection: AnyProjection,
  tenant: TenantId,
  moment: Moment,
  { id: wanted, limit, view: looking }: Scope,
): Promise<DocumentsAt> => {
  const folds = projection as Projection<Document, unknown>;
  const never = new AbortController().signal;
  const until = 'position' in moment ? { until: moment.position } : {};
  const view = new LogView(log, { tenants: new Set([tenant]), after: START, ...until }, () =>
    giveWay(clock, never),
  );
  const sight = await sightAt(log, tenant, moment, looking);
  const seen = async function* (stream: StreamName): AsyncIterable<RecordedEvent> {
    for await (const event of view.readStream(stream)) {
      const { visible } = await sight(event);
      if (visible) yield visible;
    }
  };
  const shelf = new RouteShelf({ readStream: seen });
  const documents = new Map<string, Document>();
  const deadline = clock.monotonic() + PATIENCE_MS;
  const slice = new TimeSlice(clock);
  let reached = START;
  let set_aside_since = 0;
  walk: for await (const { events } of view.readAll(START, { types: typesOf(projection) })) {
    for (const event of events) {
      if (isAfter(event, moment)) break walk;
      const { position } = event;
      reached = position;
      const looked = await sight(event);
      const visible = projection.whole ? event : looked.visible;
      if (!visible) continue;
      if (projection.shows_routes) await shelf.meet([visible]);
      if (!folds.reads.includes(event.type)) continue;
      set_aside_since += Number(looked.set_aside_since);
      try {
        for (const { tenant: whose, id, part } of folds.parts(visible, shelf.at(tenant, position))) {
          if (whose !== tenant || (wanted !== undefined && id !== wanted)) continue;
          const next = folds.fold(documents.get(id), part, { id, position });
          if (next) documents.set(id, next);
          else documents.delete(id);
        }
        if (folds.sweeps)
          for (const [id, document] of documents)
            if (isSwept(projection, event, tenant, document)) documents.delete(id);
      } catch (error) {
        return {
          outcome: 'unfoldable',
          position,
          error: error instanceof Error ? error.message : String(error),
        };
      }
      if (documents.size > MOST_DOCUMENTS) return { outcome: 'too_many' };
      if (slice.over) await slice.rest();
    }
    if (clock.monotonic() > deadline) return { outcome: 'too_long' };
  }
  const sorted = [...documents.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
  return {
    outcome: 'folded',
    position: reached,
    documents: sorted
      .slice(0, limit)
      .map((document) => jsonOf((folds.legible?.(document) ?? document) as unknown as Value)),
    more: sorted.length > limit,
    set_aside_since,
  };
};

/** A document's value as JSON has it; bytes as base64. */
const jsonOf = (value: Value): Json => {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return (value as readonly Value[]).map(jsonOf);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value as Readonly<Record<string, Value | undefined>>);
  return Object.fromEntries(
    fields.flatMap(([name, item]) => (item === undefined ? [] : [[name, jsonOf(item)]])),
  );
};
