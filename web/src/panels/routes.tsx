import { amount, duration, percent } from '../format.js';
import type { RouteRow } from '../shapes.js';

const ROWS = 8;

/** The routes that lead by one figure; those where it is nothing are left out. */
export const RouteTable = ({
  rows,
  by,
}: {
  rows: readonly RouteRow[] | undefined;
  by: 'p95_ms' | 'error_rate';
}) => {
  const leading = (rows ?? [])
    .filter((row) => (row[by] ?? 0) > 0)
    .sort((a, b) => (b[by] ?? 0) - (a[by] ?? 0))
    .slice(0, ROWS);
  if (leading.length === 0)
    return <p class="empty">{rows ? 'None in this window.' : 'Waiting for data …'}</p>;
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Route</th>
          <th class="number">Requests</th>
          <th class="number">{by === 'p95_ms' ? '95th' : 'Errors'}</th>
        </tr>
      </thead>
      <tbody>
        {leading.map((row) => (
          <tr key={`${row.service} ${row.method} ${row.route}`}>
            <td>
              <span class="method">{row.method}</span> {row.route} <small>{row.service}</small>
            </td>
            <td class="number">{amount(row.requests)}</td>
            <td class="number">{by === 'p95_ms' ? duration(row.p95_ms) : percent(row.error_rate)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
