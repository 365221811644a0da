import { useEffect, useState } from 'preact/hooks';
import type { Client } from '../api.js';
import { amount, bytes, when } from '../format.js';
import type { IngestIssue, Limits } from '../shapes.js';

/** How often it is looked again: these counts stand beside the log, so nobody pushes them. */
const AGAIN_MS = 15_000;
const ROWS = 8;

interface Found {
  readonly issues: readonly IngestIssue[];
  readonly limits: Limits;
}

const look = async (client: Client): Promise<Found> => {
  const [{ data }, limits] = await Promise.all([
    client.get<{ readonly data: readonly IngestIssue[] }>('/api/v2/ingestion/issues'),
    client.get<Limits>('/api/v2/ingestion/limits'),
  ]);
  return { issues: data, limits };
};

/** What was found last; what is found while nobody looks at the page would be for nobody. */
const useFound = (client: Client): Found | undefined => {
  const [found, setFound] = useState<Found>();
  useEffect(() => {
    let timer: number | undefined;
    let over = false;
    const again = (): void => {
      // Where the server is away, what is shown stays; the page says so at its top.
      const looking = document.hidden ? Promise.resolve(undefined) : look(client).catch(() => undefined);
      void looking.then((newer) => {
        if (over) return;
        if (newer) setFound(newer);
        timer = window.setTimeout(again, AGAIN_MS);
      });
    };
    again();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [client]);
  return found;
};

/** What became of telemetry other than being stored, by reason; and what is left of today's quotas. */
export const Issues = ({ client }: { client: Client }) => {
  const found = useFound(client);
  return (
    <section class="full">
      <h2>What was not stored</h2>
      {found ? <IssueTable issues={found.issues} /> : <p class="empty">Waiting for data …</p>}
      {found && <p class="today">{todayOf(found.limits)}</p>}
    </section>
  );
};

const IssueTable = ({ issues }: { issues: readonly IngestIssue[] }) => {
  if (issues.length === 0) return <p class="empty">Everything that came in the last week is stored.</p>;
  return (
    <table class="data issues">
      <thead>
        <tr>
          <th>Reason</th>
          <th class="number">How many</th>
          <th class="seen">Last seen</th>
        </tr>
      </thead>
      <tbody>
        {issues.slice(0, ROWS).map(({ outcome, code, pointer, actor, count, last_seen, example }) => (
          <tr key={`${outcome} ${code} ${pointer} ${actor.id}`}>
            <td>
              <span class={`outcome ${outcome}`}>{outcome}</span> {code} {pointer && <code>{pointer}</code>}
              <small>
                {example.detail} · from {actor.id}, request {example.request_id}
              </small>
            </td>
            <td class="number">{amount(count)}</td>
            <td class="seen">{when(last_seen)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

const todayOf = ({ limits: { events_per_day, bytes_per_day }, today }: Limits): string => {
  const of = (limit: number | undefined, unit: (value: number) => string): string =>
    limit === undefined ? '' : ` of ${unit(limit)}`;
  return (
    `Stored today (UTC): ${amount(today.events)}${of(events_per_day, amount)} ` +
    `${(events_per_day ?? today.events) === 1 ? 'event' : 'events'}, ` +
    `${bytes(today.bytes)}${of(bytes_per_day, bytes)}.`
  );
};
