import { execFile } from 'node:child_process';
import { cp, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  root,
  runCli,
  startServer,
  type CliResult,
} from '../support/started-server.js';
import { until } from '../support/until.js';

let data: string;
let program: string;
let key: string;
let copies: string;

/** The verifier, and what it may import, in a folder where there is nothing else: no server, no library. */
const aloneProgram = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'pulsestream-verifier-'));
  for (const part of [
    'verifier',
    'domain/integrity',
    'domain/telemetry/column-codec',
    'domain/telemetry/time.js',
  ])
    await cp(join(root, 'dist', 'src', part), join(directory, part), { recursive: true });
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  return directory;
};

const verify = (...args: readonly string[]): Promise<CliResult> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(program, 'verifier', 'main.js'), ...args],
      { cwd: program },
      (error, stdout, stderr) => {
        resolve({ code: error ? (error.code as number) : 0, stdout, stderr });
      },
    );
  });

beforeAll(async () => {
  data = await freshData();
  copies = join(data, 'copies-of-checkpoints');
  const server = await startServer(data, {
    PULSESTREAM_CHECKPOINT_SECONDS: '1',
    PULSESTREAM_CHECKPOINT_FILE: copies,
  });
  const tenant = await registerTenant(server.url);
  for (let i = 0; i < 3; i += 1)
    await postJson(
      `${server.url}/api/v1/ingestion/events`,
      { type: 'api_call', status_code: 200 },
      { 'x-api-key': tenant.api_key },
    );
  await until(async () => (await readFile(copies, 'utf8').catch(() => '')).includes('— '));
  await server.stop();
  program = await aloneProgram();
  key = (await runCli(data, ['audit', 'key'])).stdout.trim();
});
afterAll(async () => {
  await removeData(data);
  await rm(program, { recursive: true, force: true });
});

describe('audit verify', () => {
  it('runs where no part of the server is, and finds what the server wrote in order', async () => {
    const { code, stdout, stderr } = await verify(
      '--data',
      data,
      '--key',
      key,
      '--witness',
      copies,
      '--json',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const found = JSON.parse(stdout) as {
      records: number;
      covered: { by_copies: number };
      caveats: string[];
    };
    expect(found).toMatchObject({ ok: true, problems: [], segments: 1 });
    // Stopping sealed everything but the checkpoint itself.
    expect(found.covered.by_copies).toBe(found.records - 1);
    expect(found.caveats).toHaveLength(1);
  });

  it('is a command of pulsestream, too, which says in words what it does not prove', async () => {
    const { code, stdout } = await runCli(data, ['audit', 'verify']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^✓ \d+ records in 1 segments; root /);
    expect(stdout).toContain('--key');
    expect(stdout).toContain('--witness');
  });

  it('works on a log that is being served', async () => {
    const server = await startServer(data);
    const { code, stdout } = await runCli(data, ['audit', 'verify', '--live', '--json']);
    expect({ code, ok: (JSON.parse(stdout) as { ok: boolean }).ok }).toEqual({ code: 0, ok: true });
    await server.stop();
  });

  it('says what is wrong and where, and ends with 1', async () => {
    const other = await mkdtemp(join(tmpdir(), 'pulsestream-copy-'));
    await cp(join(data, 'log'), join(other, 'log'), { recursive: true });
    const [segment = ''] = await readdir(join(other, 'log'));
    const file = await open(join(other, 'log', segment), 'r+');
    await file.write(Buffer.of(0xff), 0, 1, 300);
    await file.close();
    const { code, stdout } = await verify('--data', other, '--key', key, '--witness', copies);
    await rm(other, { recursive: true });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✖ damaged \(0000000000000001\.segment at byte \d+\)/);
    expect(stdout).toMatch(/✖ differs \(records? 1\b/);
  });

  it.each([[['--data', '/nowhere']], [['--key', 'x+y']], [['--wrong']], [['--witness', '/nowhere']]])(
    'ends with 2 where it could not do its work: %j',
    async (args) => {
      const { code, stdout, stderr } = await verify('--data', data, ...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^✖ /);
    },
  );

  it('explains itself', async () => {
    const { code, stdout } = await runCli(data, ['audit', 'verify', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Exit codes');
  });
});
