import { useEffect, useMemo, useState } from 'preact/hooks';
import { Client } from './api.js';
import { Live, newest, useConnection, useTopic } from './live.js';
import { Alerts } from './panels/alerts.js';
import { LatencyChart, VolumeChart } from './panels/charts.js';
import { EventTail } from './panels/event-tail.js';
import { FirstSteps } from './panels/first-steps.js';
import { Issues } from './panels/issues.js';
import { RouteTable } from './panels/routes.js';
import { Tiles } from './panels/tiles.js';
import { WhichTime, windows, type View } from './panels/which-time.js';
import type { Session } from './session.js';
import type { AlertSummary, Metrics, TelemetryEvent } from './shapes.js';
import { tail } from './tail.js';

const connectionNames = {
  connecting: 'Connecting …',
  live: 'Live',
  reconnecting: 'Reconnecting …',
};

interface DashboardProps {
  readonly session: Session;
  /** The API key of a tenant that was registered a moment ago. */
  readonly apiKey: string | undefined;
  readonly onSignOut: () => void;
  readonly onRefused: () => void;
}

export const Dashboard = ({ session, apiKey, onSignOut, onRefused }: DashboardProps) => {
  const [client, live] = useMemo(() => {
    const made = new Client(session, onRefused);
    return [made, new Live(made)] as const;
  }, [session.email]);
  useEffect(() => () => live.close(), [live]);

  const [view, setView] = useState<View>({ window: '1h' });
  const connection = useConnection(live);
  const metrics = useTopic<Metrics, Metrics>(live, 'metrics', view, newest);
  const alerts = useTopic<AlertSummary, AlertSummary>(live, 'alerts', {}, newest);
  const events = useTopic<readonly TelemetryEvent[], readonly TelemetryEvent[]>(live, 'events', {}, tail);

  const leave = (): void => {
    void client.signOut();
    onSignOut();
  };

  return (
    <>
      <header class="bar">
        <h1>
          <img src="/icon.svg" alt="" width="24" height="24" /> PulseStream
        </h1>
        <span class={`connection ${connection}`} role="status">
          {connectionNames[connection]}
        </span>
        <label class="window">
          <span class="unseen">Time window</span>
          <select
            value={view.window}
            onChange={(event) => setView({ ...view, window: event.currentTarget.value })}
          >
            {Object.entries(windows).map(([name, text]) => (
              <option key={name} value={name}>
                Last {text}
              </option>
            ))}
          </select>
        </label>
        <span class="who">{session.email}</span>
        <button onClick={leave}>Sign out</button>
      </header>
      <main class="dashboard">
        <FirstSteps apiKey={apiKey} isEmpty={metrics !== undefined && metrics.newest === undefined} />
        <WhichTime view={view} metrics={metrics} onView={setView} />
        <Tiles totals={metrics?.totals} open={alerts?.by_severity} />
        <section>
          <h2>Requests</h2>
          <VolumeChart metrics={metrics} />
        </section>
        <section>
          <h2>Response time</h2>
          <LatencyChart metrics={metrics} />
        </section>
        <Alerts client={client} summary={alerts} />
        <section>
          <h2>Slowest routes</h2>
          <RouteTable rows={metrics?.by_route} by="p95_ms" />
        </section>
        <section>
          <h2>Most failing routes</h2>
          <RouteTable rows={metrics?.by_route} by="error_rate" />
        </section>
        <Issues client={client} />
        <section class="full">
          <h2 id="tail">Events as they arrive</h2>
          <EventTail events={events} labelledBy="tail" />
        </section>
      </main>
    </>
  );
};
