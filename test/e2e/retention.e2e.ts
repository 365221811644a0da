import { describe, expect, it } from '@jest/globals';
import { bytesOfLog } from '../support/log-files.js';
import { served } from '../support/served.js';

const DAY_MS = 86_400_000;
const SECRET = 'nobody-may-find-this-any-more';
const on = served();

/** Events so many days ago, in one batch. */
const send = (days: number, count: number, message: string): Promise<unknown> =>
  on.send(
    Array.from({ length: count }, (_, i) => ({
      ...{
        type: 'api_call',
        service: 'shop',
        route: `/r${i % 7}`,
        status_code: 200,
        duration_ms: i,
        message,
      },
      timestamp: Date.now() - days * DAY_MS - i,
    })),
  );

const found = async (): Promise<readonly string[]> => {
  const response = await on.get('/api/v1/ingestion/events/search?limit=1000');
  const { data: events } = (await response.json()) as { data: { message: string }[] };
  return [...new Set(events.map(({ message }) => message))];
};

interface Run {
  readonly retention: {
    readonly dry_run: boolean;
    readonly tenants: readonly {
      readonly tenant_id: string;
      readonly days: number;
      readonly chunks: number;
    }[];
  };
}

const agrees = async (): Promise<void> => {
  const { verified } = (await on.cliJson('projections', 'verify')) as {
    verified: { projection: string; equal: boolean }[];
  };
  expect(verified.length).toBeGreaterThan(5);
  expect(verified.filter(({ equal }) => !equal)).toEqual([]);
};

describe('a server whose tenant keeps its telemetry for a week', () => {
  it('killed while it retires and drops, goes on where it was, or the command does', async () => {
    for (let day = 30; day > 8; day -= 1) await send(day, 200, SECRET);
    await send(0, 50, 'young');
    expect((await bytesOfLog(on.data)).includes(SECRET)).toBe(true);
    const set = await on.cliJson('retention', 'tenant', on.tenant.tenant_id, '7');
    expect(set).toMatchObject({ days: 7 });
    await on.server.stop('SIGKILL');

    // Without a server, on the stores themselves.
    const planned = (await on.cliJson('retention', 'run', '--dry-run')) as Run;
    expect(planned.retention.tenants).toMatchObject([{ tenant_id: on.tenant.tenant_id, days: 7 }]);
    await on.cliJson('retention', 'run');
    const after = (await on.cliJson('retention', 'run', '--dry-run')) as Run;
    expect(after.retention.tenants).toMatchObject([{ chunks: 0 }]);
    expect((await bytesOfLog(on.data)).includes(SECRET)).toBe(false);

    await on.startAgain();
    expect(await found()).toEqual(['young']);
    await agrees();
    const { code, stdout } = await on.cli('log', 'verify');
    expect(stdout).toContain('that are gone the leaf hash is there');
    expect(code).toBe(0);
  });

  it('says what is wrong with a number of days', async () => {
    const { code, stderr } = await on.cli('retention', 'tenant', on.tenant.tenant_id, '0');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('0 is no number') as unknown,
    });
  });
});
