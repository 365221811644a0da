import { beforeAll, describe, expect, it } from '@jest/globals';
import { served } from '../support/served.js';

const small = { PULSESTREAM_SEGMENT_MEGABYTES: '32' };
const on = served(small);

beforeAll(async () => {
  await on.send(
    Array.from({ length: 20 }, () => ({ type: 'api_call', service: 'checkout', status_code: 200 })),
  );
});

interface Shown {
  readonly ok: boolean;
  readonly id: string;
  readonly state: string;
  readonly results: readonly {
    readonly differences: { readonly changed: number; readonly missing: number };
  }[];
}

const run = async (...args: readonly string[]): Promise<Shown> =>
  (await on.cliJson('replay', ...args)) as Shown;

describe('pulsestream replay', () => {
  it('says with its exit code whether what is served is what the log says', async () => {
    const { code, stdout } = await on.cli('replay', 'start', 'users', 'metrics');
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('✓ metrics: 3 documents'),
    });
    const key_id = on.tenant.api_key.split('_')[1]!;
    const without = ['--baseline', 'replayed', '--without-actor', `key_${key_id}`];
    const other = await on.cli('replay', 'start', 'metrics', ...without);
    expect(other).toMatchObject({ code: 1 });
    expect(other.stdout).toContain('3 are missing');
  });

  it('refuses what makes no sense, as wrong usage', async () => {
    const unknown = await on.cli('replay', 'start', 'nothing');
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('no read model nothing')]);
    const time = await on.cli('replay', 'start', 'users', '--until', 'yesterday');
    expect([time.code, time.stderr]).toEqual([2, expect.stringContaining('neither a position nor')]);
  });

  it('works on the stores themselves where no server runs, and shows what there was', async () => {
    const { id } = await run('start', 'users', '--detach');
    await on.server.stop();
    expect(await run('start', 'users')).toMatchObject({ state: 'done', ok: true });
    expect((await on.cli('replay', 'list')).stdout).toContain(id);
    expect(await run('resume', id).catch(() => run('show', id))).toMatchObject({ id, state: 'done' });
  });
});
