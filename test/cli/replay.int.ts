import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';

const small = { PULSESTREAM_SEGMENT_MEGABYTES: '32' };
let data: string;
let server: StartedServer;
let tenant: RegisteredTenant;

beforeAll(async () => {
  data = await freshData(small);
  server = await startServer(data, small);
  tenant = await registerTenant(server.url);
  await postJson(
    `${server.url}/api/v1/ingestion/events/batch`,
    Array.from({ length: 20 }, () => ({ type: 'api_call', service: 'checkout', status_code: 200 })),
    { 'x-api-key': tenant.api_key },
  );
});
afterAll(async () => {
  await server.stop();
  await removeData(data);
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
  (await runCliJson(data, ['replay', ...args])) as Shown;

describe('pulsestream replay', () => {
  it('says with its exit code whether what is served is what the log says', async () => {
    const { code, stdout } = await runCli(data, ['replay', 'start', 'users', 'metrics']);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('✓ metrics: 3 documents'),
    });
    const key_id = tenant.api_key.split('_')[1]!;
    const without = ['--baseline', 'replayed', '--without-actor', `key_${key_id}`];
    const other = await runCli(data, ['replay', 'start', 'metrics', ...without]);
    expect(other).toMatchObject({ code: 1 });
    expect(other.stdout).toContain('3 are missing');
  });

  it('refuses what makes no sense, as wrong usage', async () => {
    const unknown = await runCli(data, ['replay', 'start', 'nothing']);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('no read model nothing')]);
    const time = await runCli(data, ['replay', 'start', 'users', '--until', 'yesterday']);
    expect([time.code, time.stderr]).toEqual([2, expect.stringContaining('neither a position nor')]);
  });

  it('works on the stores themselves where no server runs, and shows what there was', async () => {
    const { id } = await run('start', 'users', '--detach');
    await server.stop();
    expect(await run('start', 'users')).toMatchObject({ state: 'done', ok: true });
    expect((await runCli(data, ['replay', 'list'])).stdout).toContain(id);
    expect(await run('resume', id).catch(() => run('show', id))).toMatchObject({ id, state: 'done' });
  });
});
