import { amount, duration, when } from '../format.js';
import type { TelemetryEvent } from '../shapes.js';
import { requestsOf } from '../tail.js';

const tone = (event: TelemetryEvent): string => {
  if (event.type === 'error' || (event.status_code ?? 0) >= 500) return 'bad';
  return (event.status_code ?? 0) >= 400 ? 'warn' : '';
};

interface EventTailProps {
  readonly events: readonly TelemetryEvent[] | undefined;
  readonly labelledBy: string;
}

/** The newest events in a box of their own, which the keyboard can scroll as well. */
export const EventTail = ({ events, labelledBy }: EventTailProps) => {
  if (!events?.length) return <p class="empty">{events ? 'No events yet.' : 'Waiting for data …'}</p>;
  return (
    <div class="scrolling" role="region" aria-labelledby={labelledBy} tabIndex={0}>
      <table class="data events">
        <thead>
          <tr>
            <th class="time">Time</th>
            <th class="service">Service</th>
            <th class="status">Status</th>
            <th>Request</th>
            <th class="number took">Took</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={event.event_id} class={tone(event)}>
              <td class="time">{when(event.timestamp)}</td>
              <td class="service">{event.service}</td>
              <td class="status">{event.status_code ?? event.type}</td>
              <td>
                <span class="method">{event.method}</span> {event.path ?? event.route ?? event.message}
                {requestsOf(event) !== 1 && <span class="weight"> × {amount(requestsOf(event))}</span>}
              </td>
              <td class="number took">{duration(event.duration_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};
