import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { served } from '../support/served.js';
import { removeData, runCli } from '../support/started-server.js';

const small = { PULSESTREAM_SEGMENT_MEGABYTES: '32' };
const models = ['tenants', 'users', 'rules', 'alerts', 'metrics', 'chunk-index', 'recent-events'];

const on = served(small);

beforeAll(async () => {
  for (let batch = 0; batch < 5; batch += 1)
    await on.send(
      Array.from({ length: 20 }, () => ({ type: 'api_call', service: 'checkout', status_code: 200 })),
    );
});

describe('pulsestream tenants limits', () => {
  it('sets what it is told, leaves the rest, and shows what holds', async () => {
    const limits = (...changes: string[]) => on.cliJson('tenants', 'limits', on.tenant.tenant_id, ...changes);
    expect(await limits()).toMatchObject({ own: {}, limits: { batch_events: 10_000 } });
    expect(await limits('events_per_day=1000', 'batch_events=50')).toMatchObject({
      own: { events_per_day: 1000, batch_events: 50 },
    });
    expect(await limits('batch_events=default', 'routes=100')).toMatchObject({
      own: { events_per_day: 1000, routes: 100 },
      limits: { batch_events: 10_000, routes: 100 },
    });
    const shown = await on.cli(
      'tenants',
      'limits',
      on.tenant.tenant_id,
      'routes=default',
      'events_per_day=default',
    );
    expect(shown.stdout).toMatch(/batch_events +10,000 +as the server is configured/);
    expect(shown.stdout).toMatch(/Stored on \d{4}-\d\d-\d\d \(UTC\): [\d,]+ events/);
  });

  it.each([
    ['a limit that there is not', ['colours=3'], 2],
    ['what is no number', ['batch_events=many'], 2],
    ['too much', ['batch_events=60000'], 1],
  ])('refuses %s', async (_, changes, code) => {
    const result = await on.cli('tenants', 'limits', on.tenant.tenant_id, ...changes);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(changes[0]!.split('=')[0]);
  });

  it('knows no tenant that is not there', async () => {
    const { code, stderr } = await on.cli('tenants', 'limits', 'ten_x');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('no such tenant') });
  });
});

describe('pulsestream import access-log', () => {
  const good = (second: number): string =>
    `192.0.2.1 - - [20/May/2015:21:05:${String(second)} +0000] "GET /a HTTP/1.1" 200 5 "-" "curl"`;

  it('counts and shows lines that do not parse, and imports the others, once', async () => {
    const file = join(on.data, 'broken.log');
    await writeFile(file, [good(10), 'not a line of a log', good(11), '', '"GET', good(12)].join('\n'));
    const args = ['import', 'access-log', file, '--api-key', on.tenant.api_key];
    const first = await on.cli(...args);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toContain('3 events imported from 6 lines');
    expect(first.stdout).toContain('2 lines did not parse');
    expect(first.stdout).toMatch(/line 2: \S/);
    expect(first.stdout).toMatch(/line 5: \S/);
    expect(await on.cliJson(...args)).toMatchObject({
      lines: 6,
      accepted: 0,
      duplicates: 3,
      rejected: 0,
      skipped: 2,
      skipped_lines: [{ line: 2 }, { line: 5 }],
    });
  });

  it('says what is missing: a key, a right one, the file, a server', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'pulsestream-'));
    const file = join(empty, 'access.log');
    await writeFile(file, good(10));
    const cases: readonly (readonly [string, readonly string[], string, string])[] = [
      [on.data, [file], 'An API key is needed.', '--api-key'],
      [on.data, [file, '--api-key', 'ps_wrong'], 'answered 401', 'Check the API key.'],
      [on.data, [join(empty, 'none.log'), '--api-key', on.tenant.api_key], 'cannot be read', ''],
      [empty, [file, '--api-key', on.tenant.api_key], 'No server is running here.', '--url'],
    ];
    for (const [where, args, problem, hint] of cases) {
      const { code, stdout, stderr } = await runCli(where, ['import', 'access-log', ...args]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(problem);
      expect(stderr).toContain(hint);
      expect(stderr).not.toContain(on.tenant.api_key);
    }
    await removeData(empty);
  });
});

const looksAfterReadModels = (): void => {
  it('lists them', async () => {
    const { projections } = (await on.cliJson('projections', 'list')) as {
      projections: { name: string; state: string; lag: number; parked: number }[];
    };
    expect(projections.map(({ name }) => name)).toEqual(expect.arrayContaining(models));
    for (const projection of projections) expect(projection).toMatchObject({ state: 'live', parked: 0 });
    const { code, stdout } = await on.cli('projections', 'list');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^read model +version/);
  });

  it('rebuilds one by name', async () => {
    expect(await on.cliJson('projections', 'rebuild', 'metrics')).toMatchObject({
      ok: true,
      kind: 'rebuild',
      state: 'done',
      rebuilt: [{ projection: 'metrics', outcome: 'switched', comparison: { differing: 0 } }],
    });
  });

  it('verifies all', async () => {
    const { ok, verified } = (await on.cliJson('projections', 'verify')) as {
      ok: boolean;
      verified: { projection: string; equal: boolean; differing: number }[];
    };
    expect(ok).toBe(true);
    expect(verified.map(({ projection }) => projection)).toEqual(expect.arrayContaining(models));
    for (const outcome of verified) expect(outcome).toMatchObject({ equal: true, differing: 0 });
  });

  it.each(['rebuild', 'verify'])('names those there are where %s is asked for another', async (command) => {
    const { code, stdout, stderr } = await on.cli('projections', command, 'metrix');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('There is no read model metrix; there are tenants');
    expect(stderr).not.toContain('    at ');
  });

  it('tells about the log and finds it whole', async () => {
    expect(await on.cliJson('log', 'stat')).toMatchObject({ segments: 1 });
    expect(await on.cliJson('log', 'verify')).toMatchObject({ ok: true, log: { problems: [] } });
    const { code, stdout } = await on.cli('log', 'verify');
    expect(code).toBe(0);
    expect(stdout).toContain('every byte checks out');
  });
};

describe('looking after read models, on a running server', () => {
  looksAfterReadModels();

  it('refuses an operator’s token that is not the server’s, and says where it is', async () => {
    const { code, stderr } = await runCli(on.data, ['projections', 'list'], {
      PULSESTREAM_OPERATOR_TOKEN: 'another-operators-token-0123456789abcdef',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('keys/operator-token');
  });
});

describe('looking after read models, on the stores themselves', () => {
  beforeAll(async () => {
    await on.server.stop();
  });

  looksAfterReadModels();
});

describe('a log with a bit flipped', () => {
  const digest = async (directory: string): Promise<string> => {
    const hash = createHash('sha256');
    for (const name of (await readdir(directory)).sort())
      hash.update(name).update(await readFile(join(directory, name)));
    return hash.digest('hex');
  };
  let damaged: string;
  let segment: string;
  let at: number;

  beforeAll(async () => {
    damaged = await mkdtemp(join(tmpdir(), 'pulsestream-'));
    await cp(on.data, damaged, { recursive: true });
    [segment = ''] = await readdir(join(damaged, 'log'));
    const file = await open(join(damaged, 'log', segment), 'r+');
    const bytes = await readFile(file);
    at = Math.floor(bytes.findLastIndex((byte) => byte !== 0) / 2);
    await file.write(Buffer.of((bytes[at] ?? 0) ^ 1), 0, 1, at);
    await file.close();
  });
  afterAll(() => removeData(damaged));

  it('is found by log verify, which names the segment and the byte', async () => {
    const { code, stdout } = await runCli(damaged, ['log', 'verify']);
    expect(code).toBe(1);
    expect(stdout).toContain(segment);
    const offset = Number(/at byte (\d+)/.exec(stdout)?.[1]);
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThanOrEqual(at);

    const json = await runCli(damaged, ['log', 'verify', '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, log: { problems: [{ segment, offset }] } });
  });

  it('is not served, and not changed', async () => {
    const before = await digest(join(damaged, 'log'));
    const { code, stdout, stderr } = await runCli(damaged, ['serve']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(segment);
    expect(stderr).toContain('Nothing was changed.');
    expect(await digest(join(damaged, 'log'))).toBe(before);
  });
});
