import { amount, duration, percent } from '../format.js';
import type { AlertSummary, Totals } from '../shapes.js';

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly tone?: 'bad' | 'warn' | undefined;
}

const Tile = ({ name, value, tone }: TileProps) => (
  <div class={`tile ${tone ?? ''}`}>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

/** The figures that somebody on call looks at first. */
export const Tiles = ({
  totals,
  open,
}: {
  totals: Totals | undefined;
  open: AlertSummary['by_severity'] | undefined;
}) => {
  const alerts = open ? open.critical + open.warning + open.info : undefined;
  return (
    <dl class="tiles">
      <Tile name="Requests" value={totals ? amount(totals.requests) : '–'} />
      <Tile name="Per second" value={totals ? amount(totals.per_second) : '–'} />
      <Tile
        name="Errors"
        value={totals ? percent(totals.error_rate) : '–'}
        tone={totals && totals.errors > 0 ? 'bad' : undefined}
      />
      <Tile name="Client errors" value={totals ? percent(totals.client_error_rate) : '–'} />
      <Tile name="Median" value={duration(totals?.p50_ms)} />
      <Tile name="95th percentile" value={duration(totals?.p95_ms)} />
      <Tile name="99th percentile" value={duration(totals?.p99_ms)} />
      <Tile
        name="Open alerts"
        value={alerts === undefined ? '–' : amount(alerts)}
        tone={open?.critical ? 'bad' : alerts ? 'warn' : undefined}
      />
    </dl>
  );
};
