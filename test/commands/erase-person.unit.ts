import { beforeEach, describe, expect, it } from '@jest/globals';
import { erasePerson } from '../../src/commands/erase-person.js';
import { logIn } from '../../src/commands/log-in.js';
import { registerUser } from '../../src/commands/register-user.js';
import { anonymousPrincipal, type Principal } from '../../src/domain/tenancy/access.js';
import { ERASED } from '../../src/domain/personal.js';
import { isSealed } from '../../src/domain/sealed.js';
import type { PersonKeys } from '../../src/personkeys/person-keys.js';
import { MemoryPersonKeys } from '../support/people.js';
import {
  commandBench,
  refusalOf,
  registered,
  requestOf,
  valueOf,
  type CommandBench,
} from '../support/command-bench.js';

const client = { address: '203.0.113.9', user_agent: 'a browser' };
const eve = { email: 'Eve@acme.example', full_name: 'Eve', password: 'correct horse', role: 'admin' };
const fromBrowser = (principal: Principal) => requestOf(principal, { client });

/** Keys whose store cannot destroy any, for a while. */
class StubbornKeys extends MemoryPersonKeys {
  stuck = false;
  override destroy = (person: string): Promise<void> => {
    if (this.stuck) return Promise.reject(new Error('the key store is away'));
    this.entries.set(person, { state: 'destroyed' });
    return Promise.resolve();
  };
}

let personKeys: StubbornKeys;
let bench: CommandBench;
let owner: Principal;
beforeEach(async () => {
  personKeys = new StubbornKeys();
  bench = commandBench({ personKeys });
  ({ principal: owner } = await registered(bench));
});

/** The same stores in a process that starts. */
const restarted = (keys: PersonKeys = personKeys): CommandBench =>
  commandBench({ log: bench.log, clock: bench.clock, store: bench.store, personKeys: keys });

const somebody = async (): Promise<string> => {
  const { user } = valueOf(await bench.pipeline.execute(registerUser, eve, fromBrowser(owner)));
  return user.id;
};
const signIn = ({ pipeline } = bench) =>
  pipeline.execute(logIn, { email: eve.email, password: eve.password }, fromBrowser(anonymousPrincipal));
const erase = (person_id: string, principal = owner) =>
  bench.pipeline.execute(erasePerson, { person_id, reason: 'asked for' }, fromBrowser(principal));
const types = () => bench.log.events.map(({ type }) => type);

describe('records of people', () => {
  it('have what they say of them sealed under the key of each', async () => {
    const id = await somebody();
    const registration = bench.log.events.findLast(({ type }) => type === 'UserRegistered');
    expect(registration?.data).toMatchObject({
      user_id: id,
      role: 'admin',
      email: { of: id, sealed: expect.any(String) },
      full_name: { of: id, sealed: expect.any(String) },
    });
    expect(registration?.metadata.client).toMatchObject({ of: owner.actor.id });
    const { access_token } = valueOf(await signIn());
    expect(access_token).toEqual(expect.any(String));
    expect(bench.log.events.at(-1)).toMatchObject({
      type: 'SessionStarted',
      metadata: { client: { of: id } },
    });
    expect(JSON.stringify(bench.log.events)).not.toMatch(/Eve|eve@|203\.0\.113\.9|a browser|hash of/);
  });

  it('say of whoever registers a tenant where from under the new owner’s key, and nothing else about whose it is', async () => {
    const { registerTenant } = await import('../../src/commands/register-tenant.js');
    const input = { tenant_name: 'b', email: 'b@b.example', password: 'correct horse' };
    const { user } = valueOf(
      await bench.pipeline.execute(registerTenant, input, fromBrowser(anonymousPrincipal)),
    );
    const made = bench.log.events.slice(-5);
    for (const { metadata } of made) {
      expect(metadata).toMatchObject({ actor: { kind: 'anonymous' }, client: { of: user.id } });
      expect(metadata).not.toHaveProperty('person');
    }
  });

  it('seal nothing of telemetry, nor of those who act for nobody', () => {
    expect(bench.log.events.some(({ metadata }) => isSealed(metadata.client))).toBe(false);
  });
});

describe('erasing a person', () => {
  it('says who, by whom and why, and nothing of the person', async () => {
    const id = await somebody();
    valueOf(await erase(id));
    const record = bench.log.events.at(-1);
    expect(record).toMatchObject({
      ...{ stream: 'erased-people', type: 'PersonErased' },
      data: { person_id: id, tenant_id: owner.tenant_id, reason: 'asked for' },
      metadata: { actor: owner.actor },
    });
    expect(JSON.stringify(record)).not.toMatch(/eve/i);
    expect(personKeys.entries.get(id)).toEqual({ state: 'destroyed' });
  });

  it('ends their sessions and their signing in', async () => {
    const id = await somebody();
    const { access_token } = valueOf(await signIn());
    expect(await bench.authenticator.authenticate({ bearer: access_token })).toMatchObject({
      actor: { id },
    });
    valueOf(await erase(id));
    expect(await bench.authenticator.authenticate({ bearer: access_token })).toBeUndefined();
    expect(refusalOf(await signIn())).toMatchObject({ code: 'invalid_credentials' });
    expect(refusalOf(await signIn())).not.toHaveProperty('concerns');
  });

  it('leaves what they do at that moment without where from', async () => {
    const id = await somebody();
    const session = valueOf(await signIn());
    const principal = await bench.authenticator.authenticate({ bearer: session.access_token });
    if (!principal) throw new Error('not signed in');
    valueOf(await erase(id, principal));
    valueOf(
      await bench.pipeline.execute(registerUser, { ...eve, email: 'f@f.example' }, fromBrowser(principal)),
    );
    expect(bench.log.events.at(-1)?.metadata).toMatchObject({
      actor: { id },
      client: { address: ERASED },
    });
  });

  it('is not done under the guard', async () => {
    const id = await somebody();
    const before = bench.log.events.length;
    bench.guard.apply({
      type: 'DeploymentBegun',
      data: {
        deployment_id: 'dep_1',
        release: '2',
        mode: 'strict',
        epoch: 1,
        begun_at: '2026-01-01T00:00:00Z',
      },
    } as unknown as Parameters<typeof bench.guard.apply>[0]);
    expect(refusalOf(await erase(id))).toMatchObject({ kind: 'guarded' });
    expect(bench.log.events).toHaveLength(before);
    expect(personKeys.entries.get(id)).toMatchObject({ state: 'held' });
  });
});

describe('an erasure that was interrupted', () => {
  const interrupted = async (): Promise<string> => {
    const id = await somebody();
    personKeys.stuck = true;
    await expect(erase(id)).rejects.toThrow('the key store is away');
    expect(types().filter((type) => type === 'PersonErased')).toHaveLength(1);
    personKeys.stuck = false;
    return id;
  };

  it('is finished when it is asked for again, and recorded once', async () => {
    const id = await interrupted();
    valueOf(await erase(id));
    expect(types().filter((type) => type === 'PersonErased')).toHaveLength(1);
    expect(personKeys.entries.get(id)).toEqual({ state: 'destroyed' });
  });

  it('is finished by the next start, under the guard too, which appends nothing', async () => {
    const id = await interrupted();
    const before = types();
    const next = restarted();
    await next.eraser.carryOut();
    expect(personKeys.entries.get(id)).toEqual({ state: 'destroyed' });
    expect(refusalOf(await signIn(next))).toMatchObject({ code: 'invalid_credentials' });
    expect(types()).toEqual(before);
  });

  it('is finished by whichever process looks next', async () => {
    const other = restarted();
    await other.eraser.carryOut();
    const id = await interrupted();
    await other.eraser.carryOut();
    expect(personKeys.entries.get(id)).toEqual({ state: 'destroyed' });
  });

  it('is done again where an older copy of the keys is brought back', async () => {
    const id = await somebody();
    const copy = new MemoryPersonKeys();
    for (const [person, key] of personKeys.entries) copy.entries.set(person, key);
    valueOf(await erase(id));
    await restarted(copy).eraser.carryOut();
    expect(copy.entries.get(id)).toEqual({ state: 'destroyed' });
  });
});
