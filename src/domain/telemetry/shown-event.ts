import type { EventId } from '../ids.js';
import { telemetryId } from './address.js';
import type { Receipt } from './chunk-header.js';
import type { TelemetryEvent } from './event.js';
import { routeOfEvent, type Routing } from './routes/shown.js';
import { timeOf } from './time.js';

/** A telemetry event as the API shows it: as received, with the defaults and its address. */
export interface ShownEvent extends Omit<TelemetryEvent, 'timestamp' | 'id'> {
  readonly event_id: string;
  readonly recorded_at: string;
  /** The client's own id. */
  readonly id?: string;
  readonly timestamp: string;
  /** True where the route was made from the path. */
  readonly route_derived?: true;
}

/** One event as the API shows it. */
export const showEvent = (
  event: TelemetryEvent,
  stored: Receipt & { readonly chunk: EventId; readonly index: number },
  recorded_at: string,
  routing: Routing,
): ShownEvent => {
  const route = routeOfEvent(event, routing);
  const { timestamp, id, ...fields } = event;
  return {
    event_id: telemetryId(stored.chunk, stored.index),
    ...(id !== undefined && { id }),
    ...fields,
    timestamp: new Date(timeOf(timestamp, stored)).toISOString(),
    ...(event.route === undefined && event.path !== undefined && { route, route_derived: true as const }),
    recorded_at,
  };
};
