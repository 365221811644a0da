import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TrailEntry } from '../../../src/domain/audit/trail.js';
import { ERASED } from '../../../src/domain/personal.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { systemClock } from '../../../src/platform/clock.js';
import { systemFiles } from '../../../src/platform/files.js';
import { systemRandom } from '../../../src/platform/random.js';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';

const agent = 'Browser of Grace Hopper';
const grace = { email: 'Grace.Hopper@navy.example', full_name: 'Grace Hopper', password: 'correct horse' };
const TRACES = ['Grace.Hopper@navy', 'grace.hopper@navy', 'Grace Hopper', agent];

let directory: string;
let server: TestServer;
let owner: TestTenant;

const start = async (): Promise<void> => {
  server = await startTestServer({ PULSESTREAM_DATA_DIR: directory });
};
const restart = async (between: () => Promise<void> = () => Promise.resolve()): Promise<void> => {
  await server.stop();
  await between();
  await start();
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-people-'));
  await start();
  owner = await registerTestTenant(server, 'ada');
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

interface Person {
  readonly id: string;
  readonly email: string;
  readonly token: string;
  readonly refresh_token: string;
}

const signIn = (email: string): Promise<Answer> =>
  server.call('POST', '/api/v1/auth/login', {
    json: { email, password: grace.password },
    headers: { 'user-agent': agent },
  });

/** A person who has acted, and was refused something. */
const somebody = async (role = 'viewer', email = grace.email): Promise<Person> => {
  const added = await server.call('POST', '/api/v1/auth/register/user', {
    as: owner.token,
    json: { ...grace, email, role },
  });
  const tokens = (await signIn(email)).body as { access_token: string; refresh_token: string };
  const as = tokens.access_token;
  const refused = await server.call('GET', '/api/v1/auth/users', { as, headers: { 'user-agent': agent } });
  expect([added.status, refused.status]).toEqual([201, role === 'viewer' ? 403 : 200]);
  const { id } = added.body.user as { id: string };
  return { id, email, token: as, refresh_token: tokens.refresh_token };
};

const erase = (id: string, as = owner.token, more: object = {}): Promise<Answer> =>
  server.call('POST', `/api/v2/people/${id}/erase`, { as, json: { reason: 'asked for', ...more } });

/** Of what is served, and what it is made of. */
const read = async (path: string): Promise<Answer> => {
  await server.settled();
  return server.call('GET', path, { as: owner.token });
};
const trailOf = async (id: string): Promise<readonly TrailEntry[]> =>
  (await read(`/api/v2/audit/trail?actor_id=${id}`)).body.data as TrailEntry[];

/** Every file below a directory, its name in front. */
const bytesBelow = async (path: string): Promise<string> => {
  const files = await readdir(path, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map(async (file) => `${file.name}\n${await readFile(join(file.parentPath, file.name), 'latin1')}`);
  return (await Promise.all(texts)).join('\n');
};

describe('what is said of a person', () => {
  it('is shown to those who may see it, and stands in clear in no file', async () => {
    const { id } = await somebody('viewer', 'clear@navy.example');
    expect((await read('/api/v1/auth/users')).text).toContain('clear@navy.example');
    expect((await read(`/api/v2/audit/streams/user-${id}`)).text).toContain('Grace Hopper');
    expect((await read(`/api/v2/audit/state?stream=user-${id}`)).text).toContain('clear@navy.example');
    expect((await read('/api/v2/audit/state?read_model=users')).text).toContain('clear@navy.example');
    expect(await trailOf(id)).toContainEqual(
      expect.objectContaining({
        action: 'SessionStarted',
        client: expect.objectContaining({ user_agent: agent }),
      }),
    );
    await server.settled();
    for (const place of ['log', 'keys', 'index'])
      expect(await bytesBelow(join(directory, place))).not.toMatch(/clear@navy|Grace Hopper/);
  });

  it('opens again after a restart', async () => {
    await restart();
    expect((await read('/api/v1/auth/users')).text).toContain('ada@example.com');
    expect((await signIn('ada@example.com')).status).toBe(200);
  });
});

describe('a person who is erased', () => {
  let person: Person;
  beforeAll(async () => {
    person = await somebody();
    expect((await trailOf(person.id)).map(({ outcome }) => outcome)).toContain('refused');
    const erased = await erase(person.id);
    expect([erased.status, erased.body.person_id]).toEqual([200, person.id]);
  });

  it('is nowhere to be read at once', async () => {
    const users = (await read('/api/v1/auth/users')).body.data as { id: string }[];
    expect(users.find(({ id }) => id === person.id)).toMatchObject({
      ...{ email: ERASED, full_name: ERASED, role: 'viewer' },
    });
    expect((await read(`/api/v2/audit/state?stream=user-${person.id}`)).body.state).toMatchObject({
      state: 'erased',
    });
    for (const path of [
      `/api/v2/audit/streams/user-${person.id}`,
      '/api/v2/audit/state?read_model=users',
      '/api/v2/audit/state?read_model=audit-trail',
      '/api/v2/audit/trail',
      '/api/v2/audit/trail/export/csv',
    ]) {
      const { text } = await read(path);
      expect(text).toContain(ERASED);
      expect(text).not.toMatch(/Grace\.Hopper@/i);
    }
  });

  it('stays in the trail with what they did, without where from; what was refused is forgotten', async () => {
    const acts = await trailOf(person.id);
    expect(acts).toMatchObject([{ action: 'SessionStarted', outcome: 'done', client: { address: ERASED } }]);
    const [by] = (await read('/api/v2/audit/trail?action=PersonErased')).body.data as TrailEntry[];
    expect(by).toMatchObject({ outcome: 'done', actor: { kind: 'user' }, stream: 'erased-people' });
  });

  it('has no session any more and cannot sign in, which is answered as an unknown address is', async () => {
    const { token, email, refresh_token } = person;
    expect((await server.call('GET', '/api/v1/auth/profile', { as: token })).status).toBe(401);
    const refreshed = await server.call('POST', '/api/v1/auth/refresh', { json: { refresh_token } });
    expect(refreshed.status).toBe(401);
    const [known, unknown] = [await signIn(email), await signIn('nobody@navy.example')];
    expect([known.status, known.body.code]).toEqual([unknown.status, unknown.body.code]);
  });

  it('is erased already where that is asked for again, and nothing is recorded', async () => {
    const before = await server.head();
    expect((await erase(person.id)).status).toBe(200);
    expect(await server.head()).toBe(before);
  });

  it('leaves nothing behind in any file, log, read models and keys, not even in pages that are free again', async () => {
    await server.settled();
    for (const chore of server.chores) await chore.run();
    const bytes = await bytesBelow(directory);
    for (const trace of TRACES.slice(0, 2)) expect(bytes).not.toContain(trace);
    expect(await readFile(join(directory, 'keys', 'people'), 'utf8')).toContain(
      `{"person":"${person.id}","key":null}`,
    );
  });

  it('stays so when every read model is made again, and these are as those that were served', async () => {
    const users = await read('/api/v1/auth/users');
    const trail = await read('/api/v2/audit/trail?limit=1000');
    await restart(() => rm(join(directory, 'readmodels'), { recursive: true }));
    await server.settled();
    expect((await read('/api/v1/auth/users')).body.data).toEqual(users.body.data);
    const done = ({ body }: Answer) =>
      (body.data as TrailEntry[]).filter(({ outcome }) => outcome === 'done');
    expect(done(await read('/api/v2/audit/trail?limit=1000'))).toEqual(done(trail));
  });

  it('is erased again where an older copy of the keys is brought back, and the log is as it was', async () => {
    const path = join(directory, 'keys', 'people');
    const somebodyElse = await somebody('viewer', 'brought.back@navy.example');
    await server.stop();
    const copy = await readFile(path);
    await start();
    await erase(somebodyElse.id);
    const head = await server.head();
    await restart(() => writeFile(path, copy));
    expect((await read('/api/v1/auth/users')).text).not.toContain('brought.back@navy.example');
    expect(await readFile(path, 'utf8')).toContain(`{"person":"${somebodyElse.id}","key":null}`);
    expect(await server.head()).toBe(head);
  });

  it('leaves every record of the log as it was acknowledged', async () => {
    await server.stop();
    const options = { files: systemFiles, clock: systemClock, random: systemRandom };
    const verified = await EmbeddedEventStore.verifyAt(
      directory,
      { ...options, segmentBytes: 32 << 20 },
      () => undefined,
    );
    expect(verified).toMatchObject({ problems: [], dropped: 0 });
    await start();
  });
});

describe('who may erase whom', () => {
  it('is refused to a viewer, to another tenant and for a higher role', async () => {
    const viewer = await somebody('viewer', 'viewer@navy.example');
    const admin = await somebody('admin', 'admin@navy.example');
    const stranger = await registerTestTenant(server, 'stranger');
    const owner_id = String(
      ((await read('/api/v1/auth/users')).body.data as { id: string; role: string }[]).find(
        ({ role }) => role === 'owner',
      )?.id,
    );
    const before = await server.head();
    expect((await erase(admin.id, viewer.token)).status).toBe(403);
    expect(await erase(viewer.id, stranger.token)).toMatchObject({
      ...{ status: 404, body: { code: 'person_not_found' } },
    });
    expect(await erase(owner_id, admin.token)).toMatchObject({
      ...{ status: 403, body: { code: 'role_not_erasable' } },
    });
    expect(await erase('usr_0', owner.token)).toMatchObject({ status: 404 });
    expect(await server.head()).toBe(before);
    expect((await erase(viewer.id, admin.token)).status).toBe(200);
  });

  it('is open to the operator, who names the tenant', async () => {
    const person = await somebody('viewer', 'operated@navy.example');
    expect((await erase(person.id, server.operator_token)).status).toBe(422);
    const tenant_id = owner.id;
    expect((await erase(person.id, server.operator_token, { tenant_id })).status).toBe(200);
    expect((await read('/api/v1/auth/users')).text).not.toContain('operated@navy.example');
  });

  it('frees the address for somebody else', async () => {
    const email = 'again@navy.example';
    const first = await somebody('viewer', email);
    await erase(first.id);
    const again = await server.call('POST', '/api/v1/auth/register/user', {
      as: owner.token,
      json: { ...grace, email, role: 'viewer' },
    });
    expect(again).toMatchObject({ status: 201, body: { user: { email } } });
    expect((again.body.user as { id: string }).id).not.toBe(first.id);
    expect((await signIn(email)).status).toBe(200);
  });
});
