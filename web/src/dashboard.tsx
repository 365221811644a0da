import { useEffect, useMemo, useState } from 'preact/hooks';
import { Client, signOut } from './api';
import { Live, newest, useConnection, useTopic } from './live';
import { Alerts } from './panels/alerts';
import { EventTail, tail } from './panels/event-tail';
import { LatencyChart, VolumeChart } from './panels/charts';
import { RouteTable } from './panels/routes';
import { Tiles } from './panels/tiles';
import type { Session } from './session';
import type { AlertSummary, Metrics, TelemetryEvent } from './shapes';

const windows = ['5m', '15m', '1h', '6h', '24h', '7d'];

const connectionNames = {
  connecting: 'Connecting …',
  live: 'Live',
  reconnecting: 'Reconnecting …',
  refused: 'Not connected',
};

export const Dashboard = ({ session, onEnd }: { session: Session; onEnd: () => void }) => {
  const [client, live] = useMemo(() => {
    const made = new Client(session, onEnd);
    return [made, new Live(made)] as const;
  }, [session.email]);
  useEffect(() => () => live.close(), [live]);

  const [window, setWindow] = useState('1h');
  const connection = useConnection(live);
  const metrics = useTopic<Metrics, Metrics>(live, 'metrics', { window }, newest);
  const alerts = useTopic<AlertSummary, AlertSummary>(live, 'alerts', {}, newest);
  const events = useTopic<readonly TelemetryEvent[], readonly TelemetryEvent[]>(live, 'events', {}, tail);

  const leave = (): void => {
    void signOut(session);
    onEnd();
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
          <select value={window} onChange={(event) => setWindow(event.currentTarget.value)}>
            {windows.map((name) => (
              <option key={name} value={name}>
                Last {name}
              </option>
            ))}
          </select>
        </label>
        <span class="who">{session.email}</span>
        <button onClick={leave}>Sign out</button>
      </header>
      <main class="dashboard">
        <Tiles totals={metrics?.totals} open={alerts?.by_severity} />
        <section class="wide">
          <h2>Requests</h2>
          <VolumeChart metrics={metrics} />
        </section>
        <section class="wide">
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
        <section class="full">
          <h2>Events as they arrive</h2>
          <EventTail events={events} />
        </section>
      </main>
    </>
  );
};
