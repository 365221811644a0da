import { describe, expect, it } from '@jest/globals';
import { bytesOfLog } from '../support/log-files.js';
import { served } from '../support/served.js';

const ADA = 'ada-who-is-to-be-forgotten';
const on = served();

const send = (batch: number): Promise<unknown> =>
  on.send(
    Array.from({ length: 60 }, (_, i) => ({
      ...{ type: 'api_call', service: 'shop', route: `/r${i % 7}`, status_code: 200, duration_ms: i },
      user_id: i % 4 === batch % 4 ? ADA : `user-${i % 5}`,
    })),
  );

const total = async (query: string): Promise<number> => {
  const response = await on.get(`/api/v1/ingestion/events/search?limit=1000${query}`);
  return ((await response.json()) as { data: unknown[] }).data.length;
};

describe('pulsestream erase telemetry', () => {
  it('erases a person, also where the server is killed meanwhile', async () => {
    for (let batch = 0; batch < 12; batch += 1) await send(batch);
    expect((await bytesOfLog(on.data)).includes(ADA)).toBe(true);
    const person = ['--tenant', on.tenant.tenant_id, '--user-id', ADA];
    const counted = await on.cliJson('erase', 'telemetry', ...person, '--dry-run');
    expect(counted).toMatchObject({ dry_run: true, chunks: 12, events: 180 });
    expect((await bytesOfLog(on.data)).includes(ADA)).toBe(true);

    const asked = (await on.cliJson('erase', 'telemetry', ...person, '--no-wait')) as { id: string };
    await on.server.stop('SIGKILL');
    await on.startAgain();
    // A second request for the same person finds nothing that the first does not cut, and is done after it.
    const { code, stdout } = await on.cli('erase', 'telemetry', ...person);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^✓ era_/u) as unknown });
    const status = ['erase', 'status', asked.id, '--tenant', on.tenant.tenant_id];
    expect(await on.cliJson(...status)).toMatchObject({
      status: 'completed',
      events: 180,
      rewritten: true,
    });

    expect((await bytesOfLog(on.data)).includes(ADA)).toBe(false);
    expect(await total(`&user_id=${ADA}`)).toBe(0);
    expect(await total('')).toBe(12 * 45);
    const { verified } = (await on.cliJson('projections', 'verify')) as {
      verified: { projection: string; equal: boolean }[];
    };
    expect(verified.filter(({ equal }) => !equal)).toEqual([]);
    const log = await on.cli('log', 'verify');
    expect(log).toMatchObject({ code: 0 });
    expect(log.stdout).toContain('of 12 what is left is what was said');
    const audit = await on.cli('audit', 'verify', '--data', on.data, '--live');
    expect(audit.stdout).toContain('events cut out of 12');
    expect(audit.stdout).not.toContain('not_stated');
  });

  it('says what is missing or wrong', async () => {
    const ours = ['--tenant', on.tenant.tenant_id];
    expect(await on.cli('erase', 'telemetry', ...ours)).toMatchObject({ code: 2 });
    const both = ['--user-id', 'a', '--consumer', 'b'];
    expect(await on.cli('erase', 'telemetry', ...ours, ...both)).toMatchObject({ code: 2 });
    const unknown = ['erase', 'status', `era_${'0'.repeat(32)}`, ...ours];
    expect(await on.cli(...unknown)).toMatchObject({ code: 1 });
  });
});
