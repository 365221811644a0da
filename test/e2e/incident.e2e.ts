import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freshData, removeData, root, startServer } from '../support/started-server.js';
import { until } from '../support/until.js';

const text = readFileSync(join(root, 'docs', 'incident.md'), 'utf8');
const commands = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, code = '']) => code);

/** Checkpoints are sealed as by a server that nobody told otherwise, only sooner. */
const sealing = { PULSESTREAM_CHECKPOINT_SECONDS: '1' };

let data: string;
beforeAll(async () => {
  data = await freshData();
  await startServer(data, sealing);
});
afterAll(async () => {
  const { pid } = JSON.parse(await readFile(join(data, 'run', 'server.json'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGTERM');
  await until(() => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
  await removeData(data);
});

/** Runs the page's commands one after another in one shell, and answers what each block printed. */
const followed = async (blocks: readonly string[]): Promise<readonly string[]> => {
  const script = blocks
    // Whoever runs this may be in the middle of a change, and has what it starts with in its own node_modules.
    .map((code) => code.replaceAll('deploy run', 'deploy run --allow-dirty'))
    .map((code) => code.replaceAll('npx pulsestream', `node ${join(root, 'dist', 'src', 'cli', 'main.js')}`))
    .join('\necho "=== next"\n');
  const child = spawn('bash', ['-c', script], {
    cwd: root,
    env: {
      ...process.env,
      ...{ PULSESTREAM_DATA_DIR: data, PORT: '0', LOG_LEVEL: 'warn', ...sealing },
    },
  });
  child.stdin.end();
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (output += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
  // A server that is left running holds on to what it was given: the shell's end is enough.
  const [code] = (await once(child, 'exit')) as [number | null];
  expect([code, errors]).toEqual([0, errors]);
  return output.split('=== next\n');
};

describe('docs/incident.md', () => {
  it('goes as it says, from the first command to the last', async () => {
    expect(commands).toHaveLength(6);
    const [before, deployed, report, introduced, seen, polite] = await followed(commands);
    expect(before).toMatch(/evt_.*evt_.*evt_/s);
    expect(deployed).toContain('✖ Rolled back: verifying it found 8 things that must not be.');
    expect(deployed).toContain('exit code 1');
    expect(report).toContain('The guard is down.');
    expect(report).toContain('false: 8,true: 0');
    expect(introduced).toMatch(/^([0-9a-f]{16} \w+ true\n){8}8\n$/);
    expect(seen).toMatch(/^0\n3\n✓ .*every byte checks out/);
    expect(seen).not.toContain('✖');
    expect(polite).toContain('2.0.1-polite is deployed and verified');
    expect(readFileSync(join(data, 'report.html'), 'utf8')).toContain('failed with 8 findings');
  });
});
