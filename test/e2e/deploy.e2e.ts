import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addRestartScript, runningRelease, stopRunningServer } from '../support/deploying.js';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  spawnCli,
  startServer,
} from '../support/started-server.js';
import { until } from '../support/until.js';

let data: string;
let api_key: string;

beforeAll(async () => {
  data = await freshData();
  await addRestartScript(data);
  const server = await startServer(data);
  ({ api_key } = await registerTenant(server.url));
  await postJson(`${server.url}/api/v1/ingestion/events`, { type: 'api_call' }, { 'x-api-key': api_key });
});
afterAll(async () => {
  await stopRunningServer(data);
  await removeData(data);
});

const deploy = (what: string, ...args: readonly string[]) =>
  runCli(data, ['deploy', what, '--json', ...args]);
const resultOf = (stdout: string) => JSON.parse(stdout) as Readonly<Record<string, unknown>>;
const guard = async (): Promise<unknown> =>
  ((await runCliJson(data, ['deploy', 'status'])) as { readonly mode: unknown }).mode;

describe('pulsestream deploy', () => {
  afterEach(async () => {
    expect(await guard()).toBe('open');
  });

  it('runs a command that restarts the server, verifies and completes', async () => {
    const { code, stdout, stderr } = await deploy('run', '--release', 'r2', '--', 'sh', 'restart.sh');
    expect([code, stderr]).toEqual([0, expect.stringContaining('verifying')]);
    expect(resultOf(stdout)).toMatchObject({ ok: true, outcome: 'deployed', release: 'r2' });
    expect(await runningRelease(data)).toBe('r2');
    const { reports } = resultOf(stdout) as { reports: string[] };
    const [report, page] = await Promise.all(reports.map((file) => readFile(file, 'utf8')));
    expect(JSON.parse(report!)).toMatchObject({ release: 'r2', end: { outcome: 'completed' } });
    expect(page).toContain('Completed, after a passed verification');
  });

  it('rolls back where the command fails, and says so by its exit code', async () => {
    const rollback = ['--rollback-command', 'echo taken back > rolled-back'];
    const { code, stdout } = await deploy('run', '--release', 'r3', ...rollback, '--', 'sh', '-c', 'exit 7');
    expect([code, resultOf(stdout)]).toEqual([
      1,
      expect.objectContaining({ outcome: 'rolled_back', why: 'the command ended with 7' }),
    ]);
    expect(await readFile(join(data, 'rolled-back'), 'utf8')).toBe('taken back\n');
  });

  const step = async (release: string): Promise<string | undefined> => {
    const text = await readFile(join(data, 'deployments', 'current.json'), 'utf8');
    const journal = JSON.parse(text) as { release: string; step: string; process?: object };
    return journal.release === release && journal.process ? journal.step : undefined;
  };

  it('goes on after it was killed: waits for the command that outlived it, and takes that back', async () => {
    const rollback = ['--rollback-command', 'echo killed > rolled-back'];
    const waiting = 'until [ -e go ]; do sleep 0.2; done';
    const args = ['deploy', 'run', '--release', 'r4', ...rollback, '--', 'sh', '-c', waiting];
    const child = spawnCli(data, args);
    await until(async () => (await step('r4')) === 'running');
    const killed = once(child, 'exit');
    child.kill('SIGKILL');
    await killed;
    const second = await deploy('run', '--', 'true');
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('deploy resume')]);

    const resumed = spawnCli(data, ['deploy', 'resume', '--json']);
    const closed = once(resumed, 'close');
    let [stdout, stderr] = ['', ''];
    resumed.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    resumed.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await until(() => stderr.includes('the command still runs'));
    await writeFile(join(data, 'go'), '');
    expect(await closed).toEqual([1, null]);
    expect(resultOf(stdout).outcome).toBe('rolled_back');
    expect(await readFile(join(data, 'rolled-back'), 'utf8')).toBe('killed\n');
  });

  it('is interrupted by a signal, and its command with it; the guard stays up until it is gone on with', async () => {
    const child = spawnCli(data, ['deploy', 'run', '--release', 'r5', '--', 'sleep', '600']);
    await until(async () => (await step('r5')) === 'running');
    const closed = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await closed).toEqual([5, null]);
    expect(await guard()).toBe('strict');
    const { code, stdout } = await deploy('resume', '--roll-back');
    expect([code, resultOf(stdout).outcome]).toEqual([1, 'rolled_back']);
  });

  it('begins nothing in a git tree with changes', async () => {
    const git = async (...args: readonly string[]): Promise<void> => {
      const child = spawn('git', args, { cwd: data, stdio: 'ignore' });
      expect(await once(child, 'close')).toEqual([0, null]);
    };
    await git('init');
    const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
    await git(...identity, 'commit', '--allow-empty', '-m', 'first');
    const { code, stdout } = await deploy('run', '--', 'true');
    expect([code, resultOf(stdout)]).toEqual([
      3,
      expect.objectContaining({ outcome: 'not_begun', why: expect.stringContaining('git tree') }),
    ]);
  });
});
