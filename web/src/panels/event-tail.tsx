import { duration, when } from '../format';
import type { TelemetryEvent } from '../shapes';

const ROWS = 50;

/** Folds the messages of the `events` topic: newest first, each event once. */
export const tail = (
  state: readonly TelemetryEvent[] | undefined,
  message: { readonly data: readonly TelemetryEvent[] },
): readonly TelemetryEvent[] => {
  const seen = new Set<string>();
  return [...message.data, ...(state ?? [])]
    .filter((event) => !seen.has(event.event_id) && seen.add(event.event_id))
    .slice(0, ROWS);
};

const tone = (event: TelemetryEvent): string => {
  if (event.type === 'error' || (event.status_code ?? 0) >= 500) return 'bad';
  return (event.status_code ?? 0) >= 400 ? 'warn' : '';
};

export const EventTail = ({ events }: { events: readonly TelemetryEvent[] | undefined }) => {
  if (!events?.length) return <p class="empty">{events ? 'No events yet.' : 'Waiting for data …'}</p>;
  return (
    <table class="events">
      <tbody>
        {events.map((event) => (
          <tr key={event.event_id} class={tone(event)}>
            <td class="time">{when(event.timestamp)}</td>
            <td>{event.service}</td>
            <td class="number">{event.status_code ?? event.type}</td>
            <td class="path">
              <span class="method">{event.method}</span> {event.path ?? event.route ?? event.message}
            </td>
            <td class="number">{duration(event.duration_ms)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
