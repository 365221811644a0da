import { expect, it } from '@jest/globals';
import { secondsOfDayLeft } from '../../src/domain/tenancy/usage.js';
import { served } from '../support/served.js';
import { until } from '../support/until.js';

const QUOTA = 2_000;
const BATCH = 7;
const SENDERS = 8;

const on = served();

/** Sends so many events; the status, or 0 where no answer came. */
const send = async (events: number): Promise<number> => {
  try {
    const response = await fetch(`${on.url}/api/v1/ingestion/events/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': on.tenant.api_key },
      body: JSON.stringify(Array.from({ length: events }, () => ({ type: 'tick' }))),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
};

/** Sends from several at once until each is told that it is enough; the batches that were acknowledged. */
const sendUntil = async (isEnough: (status: number, acknowledged: number) => boolean): Promise<number> => {
  let acknowledged = 0;
  const sender = async (): Promise<void> => {
    for (;;) {
      const status = await send(BATCH);
      if (status === 200) acknowledged += 1;
      if (isEnough(status, acknowledged)) return;
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  return acknowledged;
};

it('a daily quota is used up to its last event and not beyond, over a kill with requests on their way', async () => {
  // Not over midnight: the next day begins with nothing.
  await until(() => secondsOfDayLeft(Date.now()) > 120, 150_000);
  await on.cliJson('tenants', 'limits', on.tenant.tenant_id, `events_per_day=${String(QUOTA)}`);

  let killed: Promise<unknown> | undefined;
  const before = await sendUntil((status, acknowledged) => {
    if (acknowledged * BATCH > QUOTA / 3) killed ??= on.server.stop('SIGKILL');
    return status === 0;
  });
  await killed;
  await on.startAgain();
  const after = await sendUntil((status) => status === 429);
  let single = 0;
  for (let status = await send(1); status !== 429; status = await send(1)) if (status === 200) single += 1;

  expect(single).toBeLessThan(BATCH);
  const used = async (): Promise<number> => {
    const { today } = (await on.cliJson('tenants', 'limits', on.tenant.tenant_id)) as {
      today: { events: number };
    };
    return today.events;
  };
  await until(async () => (await used()) === QUOTA);
  // What was on its way when it was killed may be stored without having been acknowledged.
  const acknowledged = (before + after) * BATCH + single;
  expect(acknowledged).toBeLessThanOrEqual(QUOTA);
  expect(acknowledged).toBeGreaterThan(QUOTA - (SENDERS + 1) * BATCH);
});
