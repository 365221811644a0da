import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApi, type StoredEvent } from '../../../packages/client/src/index.js';
import { registerTestTenant, startTestServer, type TestServer } from '../../support/server.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const source = join(root, 'packages', 'client');

let directory: string;
let server: TestServer;
let key: string;

/** The package as it would be published, in a directory that has Express and nothing else. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-package-'));
  const installed = join(directory, 'node_modules', '@pulsestream', 'client');
  await mkdir(installed, { recursive: true });
  await cp(join(source, 'package.json'), join(installed, 'package.json'));
  const tsc = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
  const build = ['-p', join(source, 'tsconfig.build.json'), '--outDir', join(installed, 'dist')];
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...build], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
  await symlink(join(root, 'node_modules', 'express'), join(directory, 'node_modules', 'express'));
  server = await startTestServer();
  ({ key } = await registerTestTenant(server, 'ada'));
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

const example = async (index: number): Promise<string> => {
  const text = await readFile(join(source, 'README.md'), 'utf8');
  const block = [...text.matchAll(/```js\n(.*?)```/gs)][index]?.[1];
  if (block === undefined) throw new Error('The README has no such example.');
  return block;
};

/** Runs a program in that directory; its first line of output, and the running process. */
const run = async (program: string): Promise<{ child: ChildProcess; line: string }> => {
  await writeFile(join(directory, 'program.mjs'), program);
  const child = spawn(process.execPath, [join(directory, 'program.mjs')], {
    env: { ...process.env, PULSESTREAM_URL: server.url, PULSESTREAM_API_KEY: key },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, line: line.toString().trim() };
};

const eventsOf = async (which: (event: StoredEvent) => boolean): Promise<readonly StoredEvent[]> => {
  await server.settled();
  const api = createApi({ url: server.url, apiKey: key });
  const { data } = await api.search({ service: 'checkout' });
  api.close();
  return data.filter(which);
};

const eventsAt = (path: string): Promise<readonly StoredEvent[]> => eventsOf((event) => event.path === path);

describe('the README', () => {
  it('has an example that records requests, and sends the last of them when the process is ended', async () => {
    const { child, line } = await run(`${await example(0)}
      app.get('/orders/:id', (request, response) => response.json({}));
      const listening = app.listen(0, '127.0.0.1', () => console.log(listening.address().port));`);
    const response = await fetch(`http://127.0.0.1:${line}/orders/42`);
    expect(response.status).toBe(200);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    // Nobody else listens to the signal: it ends the process as it would have without the client.
    expect(await exited).toEqual([null, 'SIGTERM']);
    expect(await eventsAt('/orders/42')).toMatchObject([{ route: '/orders/:id', status_code: 200 }]);
  });

  it('has an example that adds requests up, which are sent when the process is ended too', async () => {
    const plain = await example(0);
    const client = /^const pulse = .*$/m;
    expect(plain).toMatch(client);
    const adding = await example(1);
    const { child, line } = await run(`${plain.replace(client, () => adding)}
      app.get('/carts/:id', (request, response) => response.json({}));
      const listening = app.listen(0, '127.0.0.1', () => console.log(listening.address().port));`);
    for (let n = 0; n < 3; n += 1) await fetch(`http://127.0.0.1:${line}/carts/${String(n)}`);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([null, 'SIGTERM']);
    const events = await eventsOf(({ route }) => route === '/carts/:id');
    const counts = events.flatMap(({ durations }) => durations?.counts ?? []);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(events.every(({ path }) => path === undefined)).toBe(true);
  });

  it('has an example that reads', async () => {
    const { child, line } = await run(
      `${await example(2)}\nconsole.log(typeof totals.requests, Array.isArray(failed.data), by_route.data.length > 0);`,
    );
    if (child.exitCode === null) await once(child, 'exit');
    expect(line).toBe('number true true');
  });
});

describe('a process that ends by itself', () => {
  it('sends what it has recorded before, and is not kept alive by the client', async () => {
    const { child } = await run(`${await example(0)}
      pulse.record({ type: 'note', path: '/last' });
      console.log('recorded');`);
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    expect(await eventsAt('/last')).toHaveLength(1);
  });
});
