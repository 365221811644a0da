import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { overload, type Overloaded } from '../../bench/load/overload.js';
import {
  freshData,
  registerTenant,
  removeData,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';
import { until } from '../support/until.js';

/** `npm run bench -- --only overload` takes a minute and says how long answers took. */
const SECONDS = 12;
const MEMORY = 768e6;

let data: string;
let server: StartedServer;
let greedy: RegisteredTenant;
let quiet: RegisteredTenant;
let outcome: Overloaded;
beforeAll(async () => {
  data = await freshData();
  server = await startServer(data);
  greedy = await registerTenant(server.url, 'greedy@example.com');
  quiet = await registerTenant(server.url, 'quiet@example.com');
  outcome = await overload({ server, greedy, quiet, seconds: SECONDS, batch: 500 });
});
afterAll(async () => {
  await server.stop();
  await removeData(data);
});

/** A tenant's events by the read models. */
const counted = async ({ access_token }: RegisteredTenant): Promise<number> => {
  const from = new Date(Date.now() - 3_600_000).toISOString();
  const response = await fetch(`${server.url}/api/v1/ingestion/events/statistics?from=${from}`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  const { totals } = (await response.json()) as { totals: { requests: number } };
  return totals.requests;
};

/** Waits until the read models have what they are to have, and shows that they have no more. */
const expectAcknowledged = async (): Promise<void> => {
  for (const [tenant, events] of [
    [greedy, outcome.acknowledged.greedy],
    [quiet, outcome.acknowledged.quiet],
  ] as const) {
    await until(async () => (await counted(tenant)) >= events);
    expect(await counted(tenant)).toBe(events);
  }
};

describe('ten times what the server can do', () => {
  it('is answered by what was stored, or by when to come back', () => {
    for (const { statuses, sent, without_retry_after } of [outcome.quiet, outcome.greedy]) {
      const answers = ['200', '429', '503'].map((status) => statuses[status] ?? 0);
      expect(answers.reduce((sum, answered) => sum + answered)).toBe(sent);
      expect(without_retry_after).toBe(0);
    }
    expect(outcome.greedy.statuses['503']).toBeGreaterThan(0);
    expect(outcome.greedy.acknowledged).toBeGreaterThan(0);
    expect(outcome.quiet.acknowledged).toBeGreaterThan(0);
  });

  it('takes bounded memory', async () => {
    expect(await server.peakMemory()).toBeLessThan(MEMORY);
  });

  it('loses nothing that was acknowledged, nor over a kill and a restart', async () => {
    await expectAcknowledged();
    await server.stop('SIGKILL');
    server = await startServer(data);
    await expectAcknowledged();
  });
});
