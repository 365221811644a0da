import { dayOf, when } from '../format.js';
import type { Metrics } from '../shapes.js';

export const windows = {
  '5m': '5 minutes',
  '15m': '15 minutes',
  '1h': 'hour',
  '6h': '6 hours',
  '24h': '24 hours',
  '7d': '7 days',
} as const;

/** What is looked at: so much time, up to a moment, or up to now as it goes on. These are the topic's parameters. */
export interface View {
  readonly window: string;
  /** RFC 3339. */
  readonly to?: string;
}

interface WhichTimeProps {
  readonly view: View;
  readonly metrics: Metrics | undefined;
  readonly onView: (view: View) => void;
}

/** Says where the data is when the window is empty, and that one looks back when one does. */
export const WhichTime = ({ view, metrics, onView }: WhichTimeProps) => {
  if (view.to !== undefined)
    return (
      <p class="hint" role="status">
        Looking back: up to {when(view.to)}.{' '}
        <button onClick={() => onView({ window: '1h' })}>Back to now</button>
      </p>
    );
  const newest = metrics?.totals.requests === 0 ? metrics.newest : undefined;
  if (newest === undefined) return null;
  return (
    <p class="hint" role="status">
      Nothing happened in this window. Newest data: {dayOf(newest)}.{' '}
      <button onClick={() => onView({ window: '7d', to: newest })}>Show it</button>
    </p>
  );
};
