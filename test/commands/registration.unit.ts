import { beforeEach, describe, expect, it } from '@jest/globals';
import { issueApiKey } from '../../src/commands/issue-api-key.js';
import { logIn } from '../../src/commands/log-in.js';
import { registerTenant } from '../../src/commands/register-tenant.js';
import { registerUser } from '../../src/commands/register-user.js';
import { revokeApiKey } from '../../src/commands/revoke-api-key.js';
import type { UserId } from '../../src/domain/ids.js';
import { anonymousPrincipal, userPrincipal, type Role } from '../../src/domain/tenancy/access.js';
import { EventStoreUnavailable } from '../../src/eventstore/event-store.js';
import {
  commandBench,
  refusalOf,
  registered,
  requestOf,
  valueOf,
  type CommandBench,
} from '../support/command-bench.js';

const input = { tenant_name: 'Acme', email: 'ada@acme.example', password: 'correct horse' };

let bench: CommandBench;
beforeEach(() => {
  bench = commandBench();
});

const register = (more: object = {}, key?: string, world = bench) =>
  world.pipeline.execute(
    registerTenant,
    { ...input, ...more },
    requestOf(anonymousPrincipal, key === undefined ? {} : { idempotency_key: key }),
  );
const signIn = (email = input.email, password = input.password) =>
  bench.pipeline.execute(logIn, { email, password }, requestOf(anonymousPrincipal));

describe('registering a tenant', () => {
  it('makes a tenant with its owner and a key that may do everything', async () => {
    const { tenant, user, api_key } = valueOf(await register({ full_name: 'Ada' }));
    expect(tenant).toMatchObject({ name: 'Acme', id: expect.stringMatching(/^ten_[0-9a-f]{32}$/) });
    expect(user).toMatchObject({ email: input.email, full_name: 'Ada', role: 'owner' });
    expect(await bench.authenticator.authenticate({ api_key: api_key.key })).toMatchObject({
      tenant_id: tenant.id,
      actor: { kind: 'api_key', id: api_key.id },
    });
    expect(await signIn()).toMatchObject({ ok: true });
  });

  it('is stamped as the new tenant’s own, by nobody in particular', async () => {
    const { tenant } = valueOf(await register());
    for (const { metadata } of bench.log.events)
      expect(metadata).toMatchObject({ tenant_id: tenant.id, actor: { kind: 'anonymous' } });
  });

  it('records neither the password nor the key', async () => {
    const { api_key } = valueOf(await register());
    const log = JSON.stringify(
      bench.log.events.filter(({ type }) => type !== 'PasswordSet').map(({ data }) => data),
    );
    expect(log).not.toContain(input.password);
    expect(log).not.toContain(api_key.key.slice(36));
  });

  it('is refused for an address that somebody has, however it is written', async () => {
    await register();
    bench.clock.time += 3_600_000;
    expect(refusalOf(await register({ email: 'ADA@acme.EXAMPLE' }))).toMatchObject({
      kind: 'conflict',
      code: 'email_taken',
    });
  });

  it('gives an address to one of two who ask at the same time', async () => {
    const results = await Promise.all([register(), register({ tenant_name: 'Other' })]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it.each([
    ['shorter than eight characters', 'secret!'],
    ['longer than bcrypt looks at', 'x'.repeat(73)],
    ['longer than bcrypt looks at in bytes', 'ä'.repeat(40)],
    ['with a zero in it', 'correct\0horse'],
  ])('is refused with a password %s', async (_what, password) => {
    expect(refusalOf(await register({ password }))).toMatchObject({
      kind: 'invalid',
      errors: [{ pointer: '/password' }],
    });
    expect(bench.log.events).toHaveLength(0);
  });

  it.each(['ada', 'ada@', '@acme.example', 'ada @acme.example', 'ada@acme.example\n'])(
    'is refused for %j, which is no address',
    async (email) => {
      expect(refusalOf(await register({ email }))).toMatchObject({ errors: [{ pointer: '/email' }] });
    },
  );

  it('is told to come back where too many passwords wait', async () => {
    bench.passwords.busy = true;
    expect(refusalOf(await register())).toMatchObject({ kind: 'busy', retry_after_seconds: 2 });
    expect(bench.log.events).toHaveLength(0);
  });

  describe.each([1, 2, 3, 4])('that ends before append %i', (attempt) => {
    beforeEach(async () => {
      bench.log.before = (appends) =>
        appends === attempt
          ? Promise.reject(new EventStoreUnavailable('unreachable', 'gone'))
          : Promise.resolve(undefined);
      expect(refusalOf(await register({}, 'k'))).toMatchObject({ kind: 'unavailable' });
      bench.log.before = () => Promise.resolve(undefined);
    });

    it('leaves nobody who could sign in', async () => {
      expect(refusalOf(await signIn())).toMatchObject({ kind: 'unauthenticated' });
    });

    it('goes on where it ended when it is repeated, with a key that works', async () => {
      const { tenant, api_key } = valueOf(await register({}, 'k', commandBench({ log: bench.log })));
      expect(bench.log.events.map(({ type }) => type)).toEqual([
        'EmailReserved',
        'UserRegistered',
        'PasswordSet',
        'ApiKeyIssued',
        'TenantRegistered',
      ]);
      expect(await bench.authenticator.authenticate({ api_key: api_key.key })).toMatchObject({
        tenant_id: tenant.id,
      });
      expect(await signIn()).toMatchObject({ ok: true });
    });

    it('leaves the address free after ten minutes', async () => {
      bench.clock.time += 10 * 60_000;
      expect(await register({ tenant_name: 'Other' })).toMatchObject({ ok: true });
      expect(await signIn()).toMatchObject({ ok: true });
    });
  });
});

describe('adding a person', () => {
  const add = (by: Role, role: Role, more: object = {}) =>
    registered(bench).then(({ tenant }) =>
      bench.pipeline.execute(
        registerUser,
        { email: 'bob@acme.example', password: 'battery staple', role, ...more },
        requestOf(userPrincipal(tenant.id, 'usr_x' as UserId, by)),
      ),
    );

  it('lets them sign in, in the same tenant and with their role', async () => {
    const { user } = valueOf(await add('admin', 'viewer'));
    const { access_token } = valueOf(await signIn('bob@acme.example', 'battery staple'));
    expect(await bench.authenticator.authenticate({ bearer: access_token })).toMatchObject({
      actor: { kind: 'user', id: user.id },
      role: 'viewer',
    });
  });

  it.each<[Role, Role, string]>([
    ['viewer', 'viewer', 'forbidden'],
    ['admin', 'owner', 'role_not_grantable'],
  ])('is refused where a %s makes a(n) %s', async (by, role, code) => {
    expect(refusalOf(await add(by, role))).toMatchObject({ kind: 'forbidden', code });
  });

  it('is refused for an address that somebody has, in whichever tenant', async () => {
    await registered(bench, 'other');
    bench.clock.time += 3_600_000;
    expect(refusalOf(await add('owner', 'viewer', { email: 'ada@other.example' }))).toMatchObject({
      code: 'email_taken',
    });
  });
});

describe('an API key', () => {
  it('has the scopes it was issued with, and is shown once', async () => {
    const { principal } = await registered(bench);
    const { api_key } = valueOf(
      await bench.pipeline.execute(issueApiKey, { name: 'ci', scopes: ['ingest'] }, requestOf(principal)),
    );
    const holder = await bench.authenticator.authenticate({ api_key: api_key.key });
    expect([...holder!.permissions]).toEqual(['telemetry:write']);
    expect(JSON.stringify(bench.log.events)).not.toContain(api_key.key.slice(36));
  });

  it('is good for nothing as soon as it is revoked', async () => {
    const { principal, api_key } = await registered(bench);
    const revoke = () => bench.pipeline.execute(revokeApiKey, { key_id: api_key.id }, requestOf(principal));
    expect(await revoke()).toMatchObject({ ok: true });
    expect(await bench.authenticator.authenticate({ api_key: api_key.key })).toBeUndefined();
    expect(await revoke()).toMatchObject({ ok: true });
  });

  it('of another tenant cannot be revoked', async () => {
    const { api_key } = await registered(bench);
    const { principal } = await registered(bench, 'other');
    expect(
      refusalOf(await bench.pipeline.execute(revokeApiKey, { key_id: api_key.id }, requestOf(principal))),
    ).toMatchObject({ kind: 'not_found', code: 'api_key_not_found' });
    expect(await bench.authenticator.authenticate({ api_key: api_key.key })).toBeDefined();
  });

  it('is the same again where its request is repeated after its answer was lost', async () => {
    const { principal } = await registered(bench);
    const issue = (world: CommandBench) =>
      world.pipeline.execute(
        issueApiKey,
        { name: 'ci', scopes: ['read'] },
        requestOf(principal, { idempotency_key: 'k' }),
      );
    const first = valueOf(await issue(bench));
    expect(valueOf(await issue(commandBench({ log: bench.log })))).toEqual(first);
  });
});
