import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { chmod, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { removeData, runCli } from '../support/started-server.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-'));
});
afterAll(() => removeData(directory));

const secrets = ['PULSESTREAM_SECRET', 'PULSESTREAM_OPERATOR_TOKEN'] as const;
const small = { PULSESTREAM_SEGMENT_MEGABYTES: '32' };

describe('pulsestream init', () => {
  it('makes the data directory once; a second time changes nothing and says so', async () => {
    const data = join(directory, 'made');
    const environment = { ...small, PULSESTREAM_DATA_DIR: data };
    expect(await runCli(directory, ['init'], environment)).toMatchObject({
      code: 0,
      stdout: `Initialised ${data}.\n`,
    });
    const secret = await readFile(join(data, 'keys', 'secret'), 'utf8');
    const again = await runCli(directory, ['init'], environment);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('nothing was changed');
    expect(await runCli(directory, ['init', '--if-missing'], environment)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(await readFile(join(data, 'keys', 'secret'), 'utf8')).toBe(secret);
    expect((await stat(join(data, 'keys', 'secret'))).mode & 0o777).toBe(0o600);
  });

  it('is asked for where a command finds no data directory, which none of them makes', async () => {
    const data = join(directory, 'nowhere');
    for (const args of [['serve'], ['projections', 'list'], ['log', 'verify']]) {
      const { code, stderr } = await runCli(directory, args, { PULSESTREAM_DATA_DIR: data });
      expect(code).toBe(1);
      expect(stderr).toContain('pulsestream init');
    }
    expect(readdirSync(directory)).not.toContain('nowhere');
  });
});

describe('a configuration that does not hold', () => {
  it.each([
    ['PORT', '70000', 'must be a whole number from 0 to 65535'],
    ['PULSESTREAM_SEGMENT_MEGABYTES', '1', 'must be a whole number from 32 to 1024'],
    ['LOG_LEVEL', 'loud', 'must be one of'],
    ['PULSESTREAM_SECRET', 'hunter2-hunter2', 'is weak'],
    ['PULSESTREAM_OPERATOR_TOKEN', 'a'.repeat(64), 'is weak'],
    ['MONGODB_URL', 'mysql://root:hunter2@db/x', 'must begin with mongodb://'],
  ])('ends serve with 2: %s=%s', async (variable, value, said) => {
    const { code, stdout, stderr } = await runCli(directory, ['serve'], { [variable]: value });
    expect(code).toBe(2);
    expect(stderr).toContain(`${variable} ${said}`);
    if (value.length > 8) expect(stdout + stderr).not.toContain(value);
  });

  it('is told whole: every variable that is wrong', async () => {
    const { stderr } = await runCli(directory, ['serve'], { PORT: 'x', LOG_LEVEL: 'loud' });
    expect(stderr).toContain('PORT');
    expect(stderr).toContain('LOG_LEVEL');
  });
});

describe('pulsestream env', () => {
  const written = async (
    ...args: readonly string[]
  ): Promise<Readonly<Record<string, string | undefined>>> => {
    const file = join(directory, 'made.env');
    const { code } = await runCli(directory, ['env', 'init', '--file', file, ...args]);
    expect(code).toBe(0);
    return parseEnv(await readFile(file, 'utf8'));
  };

  it('init writes strong secrets, new ones each time, for its owner’s eyes only', async () => {
    const first = await written();
    await chmod(join(directory, 'made.env'), 0o644);
    const second = await written('--force');
    for (const name of secrets) {
      expect(first[name]).toMatch(/^[\w-]{43}$/);
      expect(second[name]).not.toBe(first[name]);
    }
    expect(first.PULSESTREAM_SECRET).not.toBe(first.PULSESTREAM_OPERATOR_TOKEN);
    expect((await stat(join(directory, 'made.env'))).mode & 0o777).toBe(0o600);
  });

  it('init replaces nothing unless it is told to', async () => {
    const file = join(directory, 'mine.env');
    await writeFile(file, 'PORT=1\n');
    const { code, stderr } = await runCli(directory, ['env', 'init', '--file', file]);
    expect(code).toBe(1);
    expect(stderr).toContain('--force');
    expect(await readFile(file, 'utf8')).toBe('PORT=1\n');
  });

  it('check takes what init wrote, and hides the secrets', async () => {
    const home = await mkdtemp(join(tmpdir(), 'pulsestream-'));
    await runCli(home, ['env', 'init']);
    const made = parseEnv(await readFile(join(home, '.env'), 'utf8'));
    for (const args of [['--json'], []]) {
      const { code, stdout } = await runCli(home, ['env', 'check', ...args]);
      expect(code).toBe(0);
      expect(stdout).toContain('[hidden]');
      for (const name of secrets) expect(stdout).not.toContain(made[name]);
      if (args.length > 0)
        expect(JSON.parse(stdout)).toMatchObject({
          ok: true,
          variables: expect.arrayContaining([
            expect.objectContaining({ variable: 'PULSESTREAM_SECRET', value: '[hidden]', source: 'set' }),
            expect.objectContaining({ variable: 'HOST', value: '127.0.0.1' }),
          ]),
        });
    }
    await removeData(home);
  });

  it('check ends with 2 on what does not hold, and names variables that it does not know', async () => {
    const wrong = await runCli(directory, ['env', 'check', '--json'], {
      PULSESTREAM_SECRET: 'hunter2-hunter2',
    });
    expect(wrong.code).toBe(2);
    expect(wrong.stdout).not.toContain('hunter2');
    expect(JSON.parse(wrong.stdout)).toMatchObject({ ok: false });
    const misspelt = await runCli(directory, ['env', 'check'], { PULSESTREAM_SECERT: 'x' });
    expect(misspelt.code).toBe(0);
    expect(misspelt.stdout).toContain('PULSESTREAM_SECERT');
  });
});
