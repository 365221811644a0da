import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ERASED } from '../../src/domain/personal.js';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';
import { until } from '../support/until.js';

const sealing = { PULSESTREAM_CHECKPOINT_SECONDS: '1' };
const grace = {
  ...{ email: 'grace.hopper@navy.example', full_name: 'Grace Hopper' },
  ...{ password: 'a long enough password', role: 'admin' },
};

let data: string;
let server: StartedServer;
let tenant: RegisteredTenant;
let person: string;

beforeAll(async () => {
  data = await freshData();
  server = await startServer(data, sealing);
  tenant = await registerTenant(server.url);
  const added = (await postJson(`${server.url}/api/v1/auth/register/user`, grace, authorized())) as {
    user: { id: string };
  };
  person = added.user.id;
  await signIn();
});
afterAll(async () => {
  await server.stop();
  await removeData(data);
});

const authorized = () => ({ authorization: `Bearer ${tenant.access_token}` });
const signIn = () =>
  postJson(`${server.url}/api/v1/auth/login`, { email: grace.email, password: grace.password });
const users = async (): Promise<string> =>
  (await fetch(`${server.url}/api/v1/auth/users`, { headers: authorized() })).text();

/** Every byte below a directory of the data directory. */
const bytesOf = async (directory: string): Promise<string> => {
  const entries = await readdir(join(data, directory), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
};

/** Whether all of the log is vouched for, and how many records are. */
const audit = async (): Promise<{ readonly code: number | null; readonly text: string }> => {
  const key = (await runCli(data, ['audit', 'key'])).stdout.trim();
  const { code, stdout, stderr } = await runCli(data, [
    'audit',
    'verify',
    '--data',
    data,
    '--key',
    key,
    '--live',
  ]);
  return { code, text: stdout + stderr };
};

describe('pulsestream erase person', () => {
  it('erases a person on a server that runs, and every proof holds', async () => {
    expect(await users()).toContain(grace.email);
    await until(async () => (await audit()).code === 0);
    const before = await bytesOf('log');
    expect(before).not.toContain(grace.email);

    const naming = ['--tenant', tenant.tenant_id, '--reason', 'asked for'];
    expect(await runCliJson(data, ['erase', 'person', person, ...naming])).toMatchObject({
      person_id: person,
    });
    expect(await users()).toContain(ERASED);
    expect(await users()).not.toContain(grace.email);
    await expect(signIn()).rejects.toThrow('401');
    for (const directory of ['log', 'readmodels', 'keys', 'index'])
      expect(await bytesOf(directory)).not.toMatch(/grace\.hopper@navy|Grace Hopper/i);
    expect(await audit()).toMatchObject({ code: 0 });
  });

  it('says what it was not told, and whom it does not know', async () => {
    expect(await runCli(data, ['erase', 'person', person, '--tenant', tenant.tenant_id])).toMatchObject({
      code: 2,
    });
    const unknown = ['erase', 'person', 'usr_0', '--tenant', tenant.tenant_id, '--reason', 'x'];
    expect(await runCli(data, unknown)).toMatchObject({ code: 1 });
  });

  it('is for good: after a kill, with the read models made again, and in the log as it verifies', async () => {
    await server.stop('SIGKILL');
    const verified = await runCli(data, ['log', 'verify']);
    expect(verified).toMatchObject({ code: 0 });
    server = await startServer(data, sealing);
    expect(await users()).toContain(ERASED);
    expect(await users()).not.toContain(grace.email);
    await expect(signIn()).rejects.toThrow('401');
    expect(await runCli(data, ['projections', 'verify'])).toMatchObject({ code: 0 });
  });
});
