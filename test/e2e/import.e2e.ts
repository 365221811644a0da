import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startProxy, type InterruptingProxy } from '../support/interrupting-proxy.js';
import {
  freshData,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  spawnCli,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';

const first_time = Date.UTC(2024, 1, 29, 12);
const period = { from: '2024-02-29T00:00:00Z', to: '2024-03-02T00:00:00Z' };

const time = (n: number): Date => new Date(first_time + n * 250);
const statuses = [200, 201, 404, 503];
const status = (n: number): number => statuses[n % statuses.length] ?? 200;
const path = (n: number): string => `/orders?n=${n}`;

/** Line `n` of a log, by format. */
const writers: Readonly<Record<string, (n: number) => string>> = {
  combined: (n) => {
    const [, day = '', month = '', year = '', clock = ''] = time(n).toUTCString().split(' ');
    return `192.0.2.1 - - [${day}/${month}/${year}:${clock} +0000] "GET ${path(n)} HTTP/1.1" ${status(n)} 5 "-" "curl/8"`;
  },
  caddy: (n) =>
    JSON.stringify({
      level: 'info',
      ts: time(n).getTime() / 1000,
      logger: 'http.log.access',
      request: { method: 'GET', host: 'shop', uri: path(n), headers: {} },
      duration: 0.01,
      size: 5,
      status: status(n),
    }),
  envoy: (n) =>
    JSON.stringify({
      start_time: time(n).toISOString(),
      method: 'GET',
      path: path(n),
      response_code: status(n),
      duration: 10,
      bytes_sent: 5,
    }),
  alb: (n) =>
    `https ${time(n).toISOString()} app/front/1 192.0.2.1:1 10.0.0.7:80 0.001 0.008 0.001 ${status(n)} ${status(n)} 9 5 "GET https://shop:443${path(n)} HTTP/1.1" "curl/8" - - arn "Root=1-65e079b0-36d228ad5d99923122bbe354"`,
  ndjson: (n) =>
    JSON.stringify({
      type: 'api_call',
      timestamp: time(n).toISOString(),
      method: 'GET',
      path: path(n),
      status_code: status(n),
    }),
};
const text = (format: string, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, n) => `${writers[format]?.(from + n) ?? ''}\n`).join('');

let data: string;
let directory: string;
let server: StartedServer;
let proxy: InterruptingProxy;
let tenants = 0;

beforeAll(async () => {
  data = await freshData();
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-logs-'));
  server = await startServer(data);
  proxy = await startProxy(server.url);
});
afterAll(async () => {
  proxy.close();
  await server.stop();
  await removeData(data);
  await rm(directory, { recursive: true, force: true });
});

interface Imported {
  readonly lines: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly left: number;
  readonly position: string;
}

/** A tenant of its own, with what was imported for it. */
class Importer {
  private constructor(private readonly tenant: RegisteredTenant) {}

  static async new(): Promise<Importer> {
    tenants += 1;
    return new Importer(await registerTenant(server.url, `ada${tenants}@example.com`));
  }

  args(files: readonly string[]): readonly string[] {
    return ['import', ...files, '--api-key', this.tenant.api_key, '--url', proxy.url];
  }

  run(files: readonly string[], input?: string | Buffer): Promise<Imported> {
    const bytes = typeof input === 'string' ? Buffer.from(input) : input;
    return runCliJson(data, this.args(files), {}, bytes) as Promise<Imported>;
  }

  /** Kills the import with `kill -9` when its `count`th batch is on its way, or its answer is. */
  async killedAt(count: number, fate: 'cut' | 'lose', files: readonly string[]): Promise<void> {
    const child = spawnCli(data, this.args(files));
    child.stdin.end();
    const ended = once(child, 'close');
    proxy.fate = (n) => {
      if (n < count) return 'pass';
      child.kill('SIGKILL');
      return fate;
    };
    await ended;
    proxy.fate = () => 'pass';
    expect(child.signalCode).toBe('SIGKILL');
  }

  /** A read waits a while for its position, and is asked again where the machine is slower than that. */
  async get(route: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const response = await fetch(
      `${server.url}/api/v1/ingestion/${route}?${new URLSearchParams(parameters).toString()}`,
      { headers: { 'x-api-key': this.tenant.api_key } },
    );
    const answer = (await response.json()) as { code?: string };
    if (answer.code === 'projection_behind') return this.get(route, parameters);
    if (!response.ok) throw new Error(`${route}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Everything is stored that is in lines 0 to `count`, and once: by statistics and event by event. */
  async expectStored(count: number, position: string): Promise<void> {
    const wanted: Record<string, number> = {};
    for (let n = 0; n < count; n += 1) wanted[status(n)] = (wanted[status(n)] ?? 0) + 1;
    const read = (await this.get('events/statistics', { ...period, min_position: position })) as {
      totals: { requests: number };
      status: Record<string, number>;
    };
    expect({ total: read.totals.requests, status: read.status }).toEqual({ total: count, status: wanted });

    const found: number[] = [];
    let cursor: string | null = null;
    do {
      const page = (await this.get('events/search', {
        ...period,
        limit: '1000',
        min_position: position,
        ...(cursor && { cursor }),
      })) as { data: { path: string }[]; next_cursor: string | null };
      for (const event of page.data) found.push(Number(event.path.split('=')[1]));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(found.sort((one, other) => one - other)).toEqual(Array.from({ length: count }, (_, n) => n));
  }
}

describe.each(Object.keys(writers))('a log in the format %s', (format) => {
  it('is stored line by line exactly once: killed, run again, grown, rotated, compressed, piped', async () => {
    const importer = await Importer.new();
    const file = join(directory, `${format}.log`);
    await writeFile(file, text(format, 0, 5000));

    await importer.killedAt(1, 'lose', [file]);
    await importer.killedAt(0, 'cut', [file]);
    const rest = await importer.run([file]);
    expect(rest).toMatchObject({ lines: 5000, rejected: 0, skipped: 0, left: 0, format });
    expect(rest.accepted + rest.duplicates).toBe(5000);
    await importer.expectStored(5000, rest.position);
    expect(await importer.run([file])).toMatchObject({ accepted: 0, duplicates: 5000 });

    // It grows, by half a line at its end, and the import of the new end is killed when it has been stored.
    const more = text(format, 5000, 5700);
    const half = more.length - Math.floor((writers[format]?.(0) ?? '').length / 2);
    await appendFile(file, more.slice(0, half));
    await importer.killedAt(0, 'lose', [file]);
    await appendFile(file, `${more.slice(half)}${text(format, 5700, 5900)}`);
    const grown = await importer.run([file]);
    expect(grown).toMatchObject({ lines: 5900, skipped: 0, left: 0 });
    await importer.expectStored(5900, grown.position);

    // Rotated, compressed, and piped with some more.
    const rotated = `${file}.1`;
    await rename(file, rotated);
    await writeFile(`${file}.2.gz`, gzipSync(await readFile(rotated)));
    expect(await importer.run([rotated, `${file}.2.gz`])).toMatchObject({
      accepted: 0,
      duplicates: 2 * 5900,
    });
    const piped = await importer.run(['-'], text(format, 0, 6100));
    expect(piped).toMatchObject({ lines: 6100, accepted: 200, duplicates: 5900 });
    await importer.expectStored(6100, piped.position);
  });
});

describe('an import', () => {
  it('goes on by itself when the server was killed and started again', async () => {
    const importer = await Importer.new();
    const file = join(directory, 'restart.log');
    await writeFile(file, text('combined', 0, 9000));
    proxy.fate = async (n) => {
      if (n !== 2) return 'pass';
      await server.stop('SIGKILL');
      server = await startServer(data);
      proxy.target = server.url;
      return 'cut';
    };
    const imported = await importer.run([file]);
    proxy.fate = () => 'pass';
    expect(imported.accepted + imported.duplicates).toBe(9000);
    await importer.expectStored(9000, imported.position);
  });

  it('without its state stores nothing twice of a log that is as it was', async () => {
    const importer = await Importer.new();
    const file = join(directory, 'forgotten.log');
    await writeFile(file, text('combined', 0, 3000));
    await importer.run([file, '--state', join(directory, 'state-1')]);
    const again = await importer.run([file, '--state', join(directory, 'state-2')]);
    expect(again).toMatchObject({ accepted: 0, duplicates: 3000 });
    await importer.expectStored(3000, again.position);
  });

  it('without its state stores within a day nothing twice of a log that has grown', async () => {
    const importer = await Importer.new();
    const file = join(directory, 'forgotten-and-grown.log');
    await writeFile(file, text('combined', 0, 3000));
    await importer.run([file, '--state', join(directory, 'state-3')]);
    await appendFile(file, text('combined', 3000, 5000));
    const again = await importer.run([file, '--state', join(directory, 'state-4')]);
    expect(again).toMatchObject({ accepted: 2000, duplicates: 3000 });
    await importer.expectStored(5000, again.position);
  });

  it('of logs that begin alike stores both, and once what is the same', async () => {
    const importer = await Importer.new();
    const [one, other] = [join(directory, 'one.log'), join(directory, 'other.log')];
    await writeFile(one, text('combined', 0, 10));
    await writeFile(other, text('combined', 0, 1) + text('combined', 10, 20));
    await importer.run([one]);
    // Up to their first difference they are one log.
    const second = await importer.run([other]);
    expect(second).toMatchObject({ accepted: 10, duplicates: 1 });
    await importer.expectStored(20, second.position);
  });

  it('counts lines that are no events, shows them with their reasons, and writes them where they are asked for', async () => {
    const importer = await Importer.new();
    const file = join(directory, 'bad.ndjson');
    const rejects = join(directory, 'rejects.jsonl');
    const good = (n: number): string => writers['ndjson']?.(n) ?? '';
    const lines = [good(0), 'no JSON', good(1), '{"type":"api_call","colour":"red"}', '', good(2)];
    await writeFile(file, lines.join('\n'));
    expect(await importer.run([file, '--rejects', rejects])).toMatchObject({
      lines: 6,
      accepted: 3,
      skipped: 1,
      rejected: 1,
      skipped_lines: [
        { line: 2, reason: 'not valid JSON' },
        { line: 4, reason: '/colour is not a known field' },
      ],
    });
    const written = (await readFile(rejects, 'utf8')).trimEnd().split('\n');
    expect(written.map((line) => JSON.parse(line) as unknown)).toEqual([
      { file, line: 2, reason: 'not valid JSON', text: 'no JSON' },
      { file, line: 4, reason: '/colour is not a known field', text: lines[3] },
    ]);
    expect(await importer.run([file])).toMatchObject({ accepted: 0, duplicates: 3, skipped: 1, rejected: 1 });
  });

  it('of nothing but events that the server refuses ends well', async () => {
    const importer = await Importer.new();
    const far = '{"type":"api_call","timestamp":"2999-01-01T00:00:00Z"}\n';
    expect(await importer.run(['-'], far.repeat(3))).toMatchObject({ lines: 3, accepted: 0, rejected: 3 });
  });

  it('says in the provenance of its events that it was one', async () => {
    const importer = await Importer.new();
    const { position } = await importer.run(['-'], text('combined', 0, 1));
    const { data: found } = (await importer.get('events/search', { ...period, min_position: position })) as {
      data: { id: string; event_id?: string }[];
    };
    const id = found[0]?.event_id ?? found[0]?.id ?? '';
    expect(await importer.get(`events/${id}`)).toMatchObject({ provenance: { origin: 'import' } });
  });

  it('that is dry shows what it would send, and sends and remembers nothing', async () => {
    const importer = await Importer.new();
    const file = join(directory, 'dry.log');
    await writeFile(file, text('combined', 0, 30).replaceAll('?n=', '?token=abc&n='));
    const dry = await runCliJson(data, ['import', file, '--dry-run', '--service', 'shop']);
    expect(dry).toMatchObject({ dry_run: true, events: 30, accepted: 0, format: 'combined' });
    expect((dry as { sample: unknown[] }).sample[0]).toMatchObject({
      service: 'shop',
      path: '/orders?token=REDACTED&n=0',
    });
    expect(await importer.run([file])).toMatchObject({ accepted: 30 });
  });

  it.each([
    ['a format that is none', ['--format', 'iis'], 'There is no format iis.', 2],
    ['a time zone that is none', ['--time-zone', 'Mars'], 'There is no time zone Mars.', 2],
    ['a unit that is none', ['--duration-unit', 'h'], 'There is no unit h.', 2],
    ['a log of no known format', [], 'is not one that is known', 1],
  ])('ends on %s and says so', async (_, args, said, code) => {
    const file = join(directory, 'unknown.log');
    await writeFile(file, 'hello\nworld\n');
    const ended = await runCli(data, ['import', file, '--dry-run', ...args]);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(said);
  });

  it('ends on a compressed file that breaks off, after what came before, and goes on with a whole one', async () => {
    const importer = await Importer.new();
    const file = join(directory, 'broken.log.gz');
    const whole = gzipSync(text('combined', 0, 20_000));
    await writeFile(file, whole.subarray(0, Math.floor(whole.length * 0.7)));
    const { code, stderr } = await runCli(data, importer.args([file]));
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('is not whole') });
    await writeFile(file, whole);
    const imported = await importer.run([file]);
    expect(imported.duplicates).toBeGreaterThan(0);
    expect(imported.accepted + imported.duplicates).toBe(20_000);
  });
});
