import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../support/faulty-files.js';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  spawnCli,
  startServer,
  type StartedServer,
} from '../support/started-server.js';

/** How often the command line is killed; 50 take some minutes. */
const KILLS = Number(process.env.DEPLOY_KILLS ?? 10);
const SEED = Number(process.env.DEPLOY_KILLS_SEED ?? 1);

/** Installs a release in two steps: between them it is neither. */
const INSTALL = 'echo half > installed; sleep 0.1; echo new > installed';
const TAKE_BACK = 'echo old > installed';

/** What `deploy run` tells, a line for each, in this order: at each of them it is killed. */
const PHASES = ['checking', 'preparing', 'backed up', 'running', 'verifying', 'verifying:', 'completing'];

interface Report {
  readonly verified: readonly { readonly passed: boolean; readonly findings: readonly unknown[] }[];
}
interface Status {
  readonly mode: string;
  readonly phase: string;
  readonly last?: { readonly deployment_id: string; readonly outcome: string };
}

describe('deploy run, killed', () => {
  let data: string;
  let server: StartedServer;
  let api_key: string;
  /** How long a deployment takes here that nobody kills, in milliseconds. */
  let whole: number;

  beforeAll(async () => {
    data = await freshData();
    server = await startServer(data);
    ({ api_key } = await registerTenant(server.url));
    await send();
    const started = performance.now();
    expect(await runCli(data, runArgs('first'))).toMatchObject({ code: 0 });
    whole = performance.now() - started;
  });
  afterAll(async () => {
    await server.stop();
    await removeData(data);
  });

  const send = () =>
    postJson(`${server.url}/api/v1/ingestion/events`, { type: 'api_call' }, { 'x-api-key': api_key });
  const runArgs = (release: string): string[] =>
    ['deploy', 'run', '--release', release, '--rollback-command', TAKE_BACK].concat([
      '--',
      'sh',
      '-c',
      INSTALL,
    ]);
  const operate = async (path: string): Promise<unknown> => {
    const token = (await readFile(join(data, 'keys', 'operator-token'), 'utf8')).trim();
    const answer = await fetch(`${server.url}/_deploy/${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return answer.json();
  };
  const status = async (): Promise<Status> => (await operate('status')) as Status;

  /** Runs a deployment and kills the command line when it tells of a phase, or after a share of its time. */
  const runKilled = async (release: string, at: string | number): Promise<void> => {
    const child = spawnCli(data, runArgs(release));
    child.stdout.resume();
    const gone = once(child, 'close');
    const kill = (): void => {
      child.kill('SIGKILL');
    };
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
      if (typeof at === 'string' && told.includes(`· ${at}`)) kill();
    });
    if (typeof at === 'number') await Promise.race([sleep(at * whole).then(kill), gone]);
    await gone;
  };

  /** Goes on until there is nothing to go on with; a server that is gone is started again. */
  const goOn = async (): Promise<void> => {
    const { code, stderr } = await runCli(data, ['deploy', 'resume', '--json']);
    // 0 and 1: it came to its end. 1 also where it had come to it, or to nothing, before it was killed.
    if (code !== 0 && code !== 1) throw new Error(`resume ended with ${String(code)}: ${stderr}`);
  };

  const kills = Array.from({ length: KILLS }, (_, n) => {
    const random = seededRandom(SEED * 1_000 + n);
    const at = n < PHASES.length ? PHASES[n]! : random();
    return { n, at, takes_server: n % 3 === 2 };
  });

  it.each(kills)(
    'at $at (server too: $takes_server), it ends exactly as before, or after and verified',
    async ({ n, at, takes_server }) => {
      await writeFile(join(data, 'installed'), 'old\n');
      const before = (await status()).last?.deployment_id;

      await runKilled(`release-${String(n)}`, at);
      if (takes_server) {
        await server.stop('SIGKILL');
        server = await startServer(data);
      }
      await goOn();

      const { mode, phase, last } = await status();
      expect({ mode, phase }).toEqual({ mode: 'open', phase: 'none' });
      const installed = (await readFile(join(data, 'installed'), 'utf8')).trim();
      if (last!.deployment_id === before) expect(installed).toBe('old');
      else {
        expect([last!.outcome, installed]).toEqual(
          last!.outcome === 'completed' ? ['completed', 'new'] : ['rolled_back', 'old'],
        );
        const { verified } = (await operate(`${last!.deployment_id}/report`)) as Report;
        expect(verified.at(-1)).toMatchObject({ passed: true, findings: [] });
      }
      await send();
    },
    300_000,
  );
});
