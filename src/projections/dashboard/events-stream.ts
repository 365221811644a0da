import type { TenantId } from '../../domain/ids.js';
import { showEvent, type ShownEvent } from '../../domain/telemetry/shown-event.js';
import type { TelemetryEvent } from '../../domain/telemetry/event.js';
import type { Routing } from '../../domain/telemetry/routes/shown.js';
import { START, type Position } from '../../eventstore/event-store.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { RECENT_ID, recentEvents, type RecentChunk } from '../recent-events/projection.js';

export interface EventsStream {
  readonly position: Position;
  /** Newest first, in the order of their recording. */
  readonly data: readonly ShownEvent[];
}

export interface EventsStreamQuery {
  readonly limit: number;
  /** Only events recorded behind this position. */
  readonly after?: Position;
}

const shown = (
  { chunk, recorded_at, first, texts, numbers, ...receipt }: RecentChunk,
  routing: Routing,
): readonly ShownEvent[] =>
  texts
    .map((text, i) =>
      showEvent(
        JSON.parse(text) as TelemetryEvent,
        { chunk, index: numbers?.[i] ?? first + i, ...receipt },
        recorded_at,
        routing,
      ),
    )
    .reverse();

/** The newest events; undefined where not all of those behind the position asked for are among the ones kept. */
export const eventsStream = async (
  models: ReadModels,
  tenant: TenantId,
  { limit, after = START }: EventsStreamQuery,
): Promise<EventsStream | undefined> => {
  const position = models.position(recentEvents);
  const document = await models.read(recentEvents, tenant).get(RECENT_ID);
  const chunks = (document?.chunks ?? []).filter((chunk) => chunk.position > after);
  const { book } = await currentRoutes(models, tenant);
  const data = chunks.toReversed().flatMap((chunk) => shown(chunk, book));
  if (after !== START && (data.length > limit || after < (document?.complete_after ?? START)))
    return undefined;
  return { position, data: data.slice(0, limit) };
};
