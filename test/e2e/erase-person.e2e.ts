import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ERASED } from '../../src/domain/personal.js';
import { served } from '../support/served.js';
import { postJson } from '../support/started-server.js';
import { until } from '../support/until.js';

const sealing = { PULSESTREAM_CHECKPOINT_SECONDS: '1' };
const grace = {
  ...{ email: 'grace.hopper@navy.example', full_name: 'Grace Hopper' },
  ...{ password: 'a long enough password', role: 'admin' },
};

const on = served(sealing);
let person: string;

beforeAll(async () => {
  const added = (await postJson(`${on.url}/api/v1/auth/register/user`, grace, authorized())) as {
    user: { id: string };
  };
  person = added.user.id;
  await signIn();
});

const authorized = () => ({ authorization: `Bearer ${on.tenant.access_token}` });
const signIn = () =>
  postJson(`${on.url}/api/v1/auth/login`, { email: grace.email, password: grace.password });
const users = async (): Promise<string> =>
  (await fetch(`${on.url}/api/v1/auth/users`, { headers: authorized() })).text();

/** Every byte below a directory of the data directory. */
const bytesOf = async (directory: string): Promise<string> => {
  const entries = await readdir(join(on.data, directory), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
};

/** Whether all of the log is vouched for, and how many records are. */
const audit = async (): Promise<{ readonly code: number | null; readonly text: string }> => {
  const key = (await on.cli('audit', 'key')).stdout.trim();
  const { code, stdout, stderr } = await on.cli('audit', 'verify', '--data', on.data, '--key', key, '--live');
  return { code, text: stdout + stderr };
};

describe('pulsestream erase person', () => {
  it('erases a person on a server that runs, and every proof holds', async () => {
    expect(await users()).toContain(grace.email);
    await until(async () => (await audit()).code === 0);
    const before = await bytesOf('log');
    expect(before).not.toContain(grace.email);

    const naming = ['--tenant', on.tenant.tenant_id, '--reason', 'asked for'];
    expect(await on.cliJson('erase', 'person', person, ...naming)).toMatchObject({
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
    expect(await on.cli('erase', 'person', person, '--tenant', on.tenant.tenant_id)).toMatchObject({
      code: 2,
    });
    const unknown = ['erase', 'person', 'usr_0', '--tenant', on.tenant.tenant_id, '--reason', 'x'];
    expect(await on.cli(...unknown)).toMatchObject({ code: 1 });
  });

  it('is for good: after a kill, with the read models made again, and in the log as it verifies', async () => {
    await on.server.stop('SIGKILL');
    const verified = await on.cli('log', 'verify');
    expect(verified).toMatchObject({ code: 0 });
    await on.startAgain();
    expect(await users()).toContain(ERASED);
    expect(await users()).not.toContain(grace.email);
    await expect(signIn()).rejects.toThrow('401');
    expect(await on.cli('projections', 'verify')).toMatchObject({ code: 0 });
  });
});
