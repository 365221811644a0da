import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeData, runCli } from '../support/started-server.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-'));
});
afterAll(() => removeData(directory));

const run = (...args: readonly string[]) => runCli(directory, args);

/** Every command with the options and arguments that it takes. */
const commands: readonly (readonly [string, readonly string[]])[] = [
  ['', ['init', 'serve', 'import', 'projections', 'log', 'env', '--version', 'Exit codes']],
  ['init', ['--if-missing']],
  ['serve', ['run the server']],
  [
    'import',
    [
      'access-log',
      '<files...>',
      '--format',
      '--time-zone',
      '--duration-unit',
      '--rejects',
      '--state',
      '--dry-run',
      ...['combined', 'caddy', 'envoy', 'alb', 'ndjson'],
    ],
  ],
  ['import access-log', ['<file>', '--service', '--environment', '--api-key', '--url', '--json']],
  ['projections', ['list', 'rebuild', 'verify']],
  ['projections list', ['--json']],
  ['projections rebuild', ['[names...]', '--all', '--fresh', '--json']],
  ['projections verify', ['[names...]', '--json']],
  ['demo', ['--events', '--api-key', '--url', '--json']],
  ['deploy', ['run', 'resume', 'status', 'report']],
  [
    'deploy run',
    [
      '<command...>',
      '--release',
      '--mode',
      '--rollback-command',
      '--allow-dirty',
      '--wait',
      '--json',
      'Exit codes',
    ],
  ],
  ['deploy resume', ['--rerun', '--roll-back', '--wait', '--json', 'Exit codes']],
  ['deploy status', ['--json']],
  ['deploy report', ['<deployment>', '--html']],
  ['log', ['stat', 'verify']],
  ['log stat', ['--json']],
  ['log verify', ['--json']],
  ['env', ['init', 'check']],
  ['env init', ['--file', '--force']],
  ['env check', ['--json']],
];

describe('the command line', () => {
  it.each(commands)('explains "%s" with --help', async (command, named) => {
    const { code, stdout, stderr } = await run(...command.split(' ').filter(Boolean), '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of named) expect(stdout).toContain(name);
  });

  it('says its version', async () => {
    const { code, stdout } = await run('--version');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    ['an unknown command', ['frobnicate'], "unknown command 'frobnicate'"],
    ['an unknown option', ['init', '--frobnicate'], "unknown option '--frobnicate'"],
    ['a missing argument', ['import', 'access-log'], "missing required argument 'file'"],
    ['nothing to import', ['import'], "missing required argument 'files'"],
    ['a group without a command', ['projections'], 'Usage: pulsestream projections'],
    ['a rebuild of nothing', ['projections', 'rebuild'], 'Which read models?'],
  ])('ends with 2 on %s, and says what is wrong', async (_what, args, said) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(said);
  });
});
