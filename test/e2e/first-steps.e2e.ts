import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  freshData,
  postJson,
  removeData,
  root,
  startServer,
  type StartedServer,
} from '../support/started-server.js';
import { until } from '../support/until.js';

const run = promisify(execFile);
const PASSWORD = 'a long enough password';

let data: string;
let server: StartedServer;

beforeAll(async () => {
  data = await freshData();
  server = await startServer(data);
});
afterAll(async () => {
  await server.stop();
  await removeData(data);
});

/** Runs commands as somebody would who pastes them into a shell, one after another; answers what they print. */
const paste = async (
  commands: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: data,
    env: { ...process.env, PULSESTREAM_DATA_DIR: data, ...environment },
  });
  return stdout;
};

/** What the person who registered finds, signed in: the events of a service. */
const found = async (email: string, service: string): Promise<readonly { readonly path?: string }[]> => {
  const { access_token } = (await postJson(`${server.url}/api/v1/auth/login`, {
    email,
    password: PASSWORD,
  })) as { access_token: string };
  const response = await fetch(`${server.url}/api/v1/ingestion/events/search?service=${service}`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  return ((await response.json()) as { data: { path?: string }[] }).data;
};

describe('what serve prints', () => {
  it('can be followed as it stands: an event is stored and found', async () => {
    await until(() => server.output().includes('3. Open'));
    const printed = server.output();
    expect(printed).toContain(`listening on ${server.url}`);
    // Commands are what is indented.
    const commands = printed
      .split('\n')
      .filter((line) => line.startsWith('   '))
      .join('\n');
    expect(JSON.parse(await paste(commands))).toMatchObject({ event_id: expect.stringMatching(/^evt_/) });
    expect(await found('you@example.com', 'checkout')).toMatchObject([
      { path: '/orders/42', status_code: 200, duration_ms: 12.7 },
    ]);
  });
});

/** Commands of a document: the address is this server's, somebody else has registered, no package is installed here. */
const here = (command = ''): string =>
  command
    .replaceAll('http://127.0.0.1:8080', server.url)
    .replaceAll('you@example.com', 'reader@example.com')
    .replaceAll('npx pulsestream', `'${process.execPath}' '${join(root, 'dist/src/cli/main.js')}'`);

const commandsOf = async (file: string): Promise<readonly string[]> => {
  const text = await readFile(join(root, file), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, code = '']) => code);
};

describe('the README’s commands', () => {
  it('work one after another, and show what they say', async () => {
    const commands = await commandsOf('README.md');
    const [start, registration, event, importing, test] = commands;
    expect([start, test, commands.length]).toEqual(['npm start\n', 'npm test\n', 5]);
    const registered = JSON.parse(await paste(here(registration))) as { api_key: { key: string } };
    const environment = { PULSESTREAM_API_KEY: registered.api_key.key };
    expect(JSON.parse(await paste(here(event), environment))).toMatchObject({
      event_id: expect.stringMatching(/^evt_/),
    });
    await writeFile(
      join(data, 'access.log'),
      '192.0.2.1 - - [20/May/2015:21:05:15 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl"\n',
    );
    expect(await paste(here(importing), environment)).toContain('1 events imported');
    expect(await paste(here(importing), environment)).toContain('0 events imported');

    expect(await found('reader@example.com', 'checkout')).toMatchObject([{ path: '/orders/42' }]);
    expect(await found('reader@example.com', 'web')).toMatchObject([{ path: '/a' }]);
  });

  it('point to files that are there', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const linked = [...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path = '']) => path);
    expect(linked.length).toBeGreaterThan(3);
    for (const path of linked) await run('test', ['-e', join(root, path)]);
  });
});

describe('the commands of docs/import.md', () => {
  it('work one after another: the second import sends what is new', async () => {
    const [, trying] = await commandsOf('docs/import.md');
    const registered = (await postJson(`${server.url}/api/v1/auth/register/tenant`, {
      tenant_name: 'Imports',
      email: 'imports@example.com',
      password: PASSWORD,
    })) as { api_key: { key: string } };
    const printed = await paste(here(trying).replaceAll('access.log', 'tried.log'), {
      PULSESTREAM_API_KEY: registered.api_key.key,
    });
    expect(printed).toContain('1 events would be sent from 1 lines');
    expect(printed).toContain('1 events imported from 1 lines');
    expect(printed).toContain('1 events imported from 2 lines');
    expect(await found('imports@example.com', 'shop')).toMatchObject([
      { path: '/orders/43', duration_ms: 3 },
      { path: '/orders/42?token=REDACTED', duration_ms: 42 },
    ]);
  });
});
