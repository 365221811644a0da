import { afterAll, describe, expect, it } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { served } from '../support/served.js';
import { postJson } from '../support/started-server.js';

interface Summary {
  by_state: Record<string, number>;
  by_severity: Record<string, number>;
  recent: { id: string; state: string; rule_name: string; value: number }[];
}

const on = served({ PULSESTREAM_EVALUATION_SECONDS: '1' });
let socket: Socket;

afterAll(() => {
  socket.close();
});

/** Waits for the first alert summary that the dashboard is sent and that fits. */
const pushed = (fits: (summary: Summary) => boolean): Promise<Summary> =>
  new Promise((resolve) => {
    const look = (message: { topic: string; data: Summary }): void => {
      if (message.topic !== 'alerts' || !fits(message.data)) return;
      socket.off('snapshot', look).off('update', look);
      resolve(message.data);
    };
    socket.on('snapshot', look).on('update', look);
  });

const person = (): Record<string, string> => ({ authorization: `Bearer ${on.tenant.access_token}` });

describe('a rule on the number of errors', () => {
  it('fires on incoming events, reaches the dashboard, and is acknowledged', async () => {
    await postJson(
      `${on.url}/api/v1/alerting/rules`,
      {
        name: 'Too many errors',
        severity: 'critical',
        enabled: true,
        condition: { metric: 'error_count', operator: '>', threshold: 2 },
        window_seconds: 60,
        for_seconds: 0,
      },
      person(),
    );
    socket = io(`${on.url}/dashboard`, {
      transports: ['websocket'],
      auth: { token: on.tenant.access_token },
    });
    const quiet = pushed((summary) => summary.recent.length === 0);
    socket.on('connect', () => socket.emit('subscribe', { topic: 'alerts', params: {} }));
    await quiet;

    const firing = pushed((summary) => summary.recent[0]?.state === 'firing');
    const errors = Array.from({ length: 3 }, () => ({
      type: 'api_call',
      service: 'checkout',
      status_code: 500,
    }));
    await on.send(errors);
    const [alert] = (await firing).recent;
    expect(alert).toMatchObject({ rule_name: 'Too many errors', value: 3 });

    const acknowledged = pushed((summary) => summary.recent[0]?.state === 'acknowledged');
    const answer = (await postJson(
      `${on.url}/api/v1/alerting/alerts/${alert?.id ?? ''}/acknowledge`,
      { note: 'Looking at it' },
      person(),
    )) as { position: string };
    await acknowledged;

    const response = await fetch(
      `${on.url}/api/v1/dashboard/alerts/summary?min_position=${answer.position}`,
      {
        headers: person(),
      },
    );
    const summary = (await response.json()) as Summary;
    expect(summary.by_state).toMatchObject({ firing: 0, acknowledged: 1 });
    expect(summary.by_severity).toMatchObject({ critical: 1 });
    expect(summary.recent[0]).toMatchObject({ id: alert?.id, state: 'acknowledged' });
  });
});
