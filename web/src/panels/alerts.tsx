import { useState } from 'preact/hooks';
import type { Client } from '../api.js';
import { measured, when } from '../format.js';
import { Problem } from '../problem.js';
import type { Alert, AlertSummary } from '../shapes.js';

/** The newest alerts, the open ones first, with what can be done about them. */
export const Alerts = ({ client, summary }: { client: Client; summary: AlertSummary | undefined }) => {
  const [problem, setProblem] = useState<string>();
  const act = (alert: Alert, action: 'acknowledge' | 'resolve'): void => {
    setProblem(undefined);
    client.post(`/api/v1/alerting/alerts/${alert.id}/${action}`, {}).catch((error: unknown) => {
      setProblem(error instanceof Problem ? error.message : 'That did not work; try again.');
    });
  };
  const alerts = [...(summary?.recent ?? [])].sort((a, b) => rank(a) - rank(b));
  return (
    <section class="full" aria-live="polite">
      <h2>Alerts</h2>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {alerts.length === 0 && <p class="empty">{summary ? 'No alerts.' : 'Waiting for data …'}</p>}
      <ul class="alerts">
        {alerts.map((alert) => (
          <li key={alert.id} class={`alert ${alert.severity} ${alert.state}`} data-alert={alert.id}>
            <span class="severity">{alert.severity}</span>
            <span class="what">
              <strong>{alert.rule_name}</strong> {groupOf(alert)}
              <small>
                {alert.metric} {measured(alert.metric, alert.value)} (threshold{' '}
                {measured(alert.metric, alert.threshold)})
                {alert.fired_at && ` · since ${when(alert.fired_at)}`}
              </small>
            </span>
            <span class="state">{alert.state}</span>
            <span class="actions">
              {alert.state === 'firing' && (
                <button onClick={() => act(alert, 'acknowledge')}>Acknowledge</button>
              )}
              {alert.state !== 'resolved' && alert.state !== 'pending' && (
                <button onClick={() => act(alert, 'resolve')}>Resolve</button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
};

const groupOf = (alert: Alert): string =>
  Object.entries(alert.group)
    .map(([field, value]) => `${field}=${value}`)
    .join(' ');

const order = ['firing', 'escalated', 'acknowledged', 'pending', 'resolved'];
const rank = (alert: Alert): number => order.indexOf(alert.state);
