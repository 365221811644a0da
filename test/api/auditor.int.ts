import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { routes } from '../../src/api/http/routes.js';
import type { Route } from '../../src/api/http/route.js';
import { registerTestTenant, startTestServer, type TestServer, type TestTenant } from '../support/server.js';

let server: TestServer;
let ada: TestTenant;
let auditor: string;

const password = 'correct horse';

/** Adds a person to ada's tenant and signs them in. */
const person = async (role: string): Promise<string> => {
  const email = `${role}@example.com`;
  const added = await server.call('POST', '/api/v1/auth/register/user', {
    as: ada.token,
    json: { email, password, role },
  });
  expect([added.status, (added.body.user as { role: string }).role]).toEqual([201, role]);
  const login = await server.call('POST', '/api/v1/auth/login', { json: { email, password } });
  return login.body.access_token as string;
};

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  auditor = await person('auditor');
});

afterAll(() => server.stop());

const named = (list: readonly Route[]) =>
  list.map((route) => [`${route.method} ${route.path}`, route] as const);
/** What whoever signs in may call; signing in and out is everybody's. */
const tenants = routes.filter(({ auth }) => auth !== 'public' && auth !== 'operator');
const writing = tenants.filter(({ method, appends_nothing }) => method !== 'GET' && !appends_nothing);
const pathOf = ({ path }: Route): string => path.replaceAll(/\{\w+\}/g, 'none');

describe('an auditor', () => {
  it.each(named(writing))('cannot %s', async (_name, route) => {
    const before = await server.head();
    const { status, body } = await server.call(route.method, pathOf(route), { as: auditor, json: {} });
    // OTLP's own form of failures has numbers where problems have codes.
    expect([status, body.code]).toEqual([403, route.failures ? 7 : 'forbidden']);
    expect(await server.head()).toBe(before);
  });

  it.each(named(routes.filter(({ auth }) => auth === 'operator')))(
    'is nobody to %s',
    async (_name, route) => {
      const { status } = await server.call(route.method, pathOf(route), {
        as: auditor,
        ...(route.method !== 'GET' && { json: {} }),
      });
      expect(status).toBe(401);
    },
  );

  it('may read whatever a viewer may, and everything of audit', async () => {
    const viewer = await person('viewer');
    for (const route of tenants.filter(({ method }) => method === 'GET')) {
      const theirs = await server.call('GET', pathOf(route), { as: viewer });
      const ours = await server.call('GET', pathOf(route), { as: auditor });
      const audit = route.path.startsWith('/api/v2/audit') || route.path.endsWith('/audit-log');
      if (audit) expect([route.path, theirs.status]).toEqual([route.path, 403]);
      if (audit || theirs.status !== 403) expect([route.path, ours.status]).not.toEqual([route.path, 403]);
    }
  });

  it('changes nothing by what only looks like a change', async () => {
    const before = await server.head();
    for (const route of tenants.filter(({ appends_nothing }) => appends_nothing))
      await server.call(route.method, pathOf(route), { as: auditor, json: {} });
    expect(await server.head()).toBe(before);
  });

  it('makes no one anything', async () => {
    const { status } = await server.call('POST', '/api/v1/auth/register/user', {
      as: auditor,
      json: { email: 'eve@example.com', password, role: 'auditor' },
    });
    expect(status).toBe(403);
  });
});
