import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { served } from '../support/served.js';
import { removeData } from '../support/started-server.js';

const on = served();

const BATCH = Array.from({ length: 200 }, (_, index) => ({
  type: 'api_call',
  service: 'checkout',
  route: `/r${index % 20}`,
  status_code: index % 50 === 0 ? 500 : 200,
  duration_ms: index,
}));

const sendBatch = async (): Promise<string> => {
  const { position } = (await on.send(BATCH)) as { position: string };
  return position;
};

const requestsNow = async (position: string): Promise<number> => {
  const response = await on.get(`/api/v1/dashboard/overview?min_position=${position}`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { totals: { requests: number } }).totals.requests;
};

/** What `projections verify` says of every read model. */
const digestsOf = async (): Promise<Record<string, string>> => {
  const { verified } = (await on.cliJson('projections', 'verify')) as {
    verified: { projection: string; digest: string; equal: boolean }[];
  };
  expect(verified.filter(({ equal }) => !equal)).toEqual([]);
  return Object.fromEntries(verified.map(({ projection, digest }) => [projection, digest]));
};

describe('rebuilding while events arrive', () => {
  it('shows readers no gap, and every document is equal afterwards', async () => {
    for (let batch = 0; batch < 20; batch += 1) await sendBatch();
    const rebuilds = on.cliJson('projections', 'rebuild', '--all').finally(() => (isRebuilding = false));
    let isRebuilding = true;
    let sent = 20;
    do {
      const position = await sendBatch();
      sent += 1;
      expect(await requestsNow(position)).toBe(sent * BATCH.length);
    } while (isRebuilding);
    expect(await rebuilds).toMatchObject({ ok: true });
    expect(await requestsNow(await sendBatch())).toBe((sent + 1) * BATCH.length);
    expect(await on.cli('projections', 'verify')).toMatchObject({ code: 0 });
  });

  it('works with the server stopped as well', async () => {
    await on.server.stop();
    expect(await on.cliJson('projections', 'rebuild', '--all')).toMatchObject({ ok: true });
    expect(await on.cliJson('projections', 'verify')).toMatchObject({ ok: true });
    expect(await on.cliJson('log', 'verify')).toMatchObject({ ok: true });
    await on.startAgain();
  });

  it('gives the same read models back after they and the log’s index were thrown away', async () => {
    const position = await sendBatch();
    const before = await requestsNow(position);
    const digests = await digestsOf();
    await on.server.stop();
    await removeData(join(on.data, 'readmodels'));
    await removeData(join(on.data, 'index'));
    await on.startAgain();
    expect(await requestsNow(position)).toBe(before);
    expect(await digestsOf()).toEqual(digests);
  });
});
