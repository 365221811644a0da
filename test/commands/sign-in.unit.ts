import { beforeEach, describe, expect, it } from '@jest/globals';
import { logIn } from '../../src/commands/log-in.js';
import { logOut } from '../../src/commands/log-out.js';
import { refreshSession } from '../../src/commands/refresh-session.js';
import { anonymousPrincipal } from '../../src/domain/tenancy/access.js';
import {
  commandBench,
  refusalOf,
  registered,
  requestOf,
  valueOf,
  type CommandBench,
} from '../support/command-bench.js';

const MINUTE = 60_000;

let bench: CommandBench;
let ada: Awaited<ReturnType<typeof registered>>;

beforeEach(async () => {
  bench = commandBench();
  ada = await registered(bench);
});

const signIn = (email = ada.email, password = ada.password) =>
  bench.pipeline.execute(logIn, { email, password }, requestOf(anonymousPrincipal));
const refresh = (refresh_token: string) =>
  bench.pipeline.execute(refreshSession, { refresh_token }, requestOf(anonymousPrincipal));
const signOut = (refresh_token: string) =>
  bench.pipeline.execute(logOut, { refresh_token }, requestOf(anonymousPrincipal));
const who = (bearer: string) => bench.authenticator.authenticate({ bearer });

describe('signing in', () => {
  it('gives a token for thirty minutes and one to renew it', async () => {
    const { access_token, token_type, expires_in } = valueOf(await signIn());
    expect({ token_type, expires_in }).toEqual({ token_type: 'Bearer', expires_in: 1800 });
    expect(await who(access_token)).toMatchObject({
      actor: { kind: 'user', id: ada.user.id },
      tenant_id: ada.tenant.id,
      role: 'owner',
    });
    bench.clock.time += 30 * MINUTE;
    expect(await who(access_token)).toBeUndefined();
  });

  it('is recorded as the person’s own act, without any token', async () => {
    const { refresh_token } = valueOf(await signIn());
    const { metadata, data } = bench.log.events.at(-1)!;
    expect(metadata).toMatchObject({
      tenant_id: ada.tenant.id,
      actor: { kind: 'user', id: ada.user.id },
    });
    expect(JSON.stringify(data)).not.toContain(refresh_token.slice(37));
  });

  it('takes the address however it is written', async () => {
    expect(await signIn(ada.email.toUpperCase())).toMatchObject({ ok: true });
  });

  it('answers an unknown address as it answers a wrong password, after as much work', async () => {
    // Whom it was tried on is for the audit trail; the API does not tell.
    const { concerns, ...wrong } = refusalOf(await signIn(ada.email, 'wrong horse'));
    expect(wrong).toMatchObject({ kind: 'unauthenticated', code: 'invalid_credentials' });
    expect(concerns).toEqual({ tenant_id: ada.tenant.id, actor: { kind: 'user', id: ada.user.id } });
    expect(refusalOf(await signIn('nobody@acme.example'))).toEqual(wrong);
    expect(bench.passwords.checked).toEqual(['hash of correct horse', undefined]);
  });

  it('is told to come back where too many passwords wait', async () => {
    bench.passwords.busy = true;
    expect(refusalOf(await signIn())).toMatchObject({ kind: 'busy' });
  });
});

describe('a refresh token', () => {
  it('is exchanged for the next one, for seven days', async () => {
    const first = valueOf(await signIn());
    bench.clock.time += 6 * 24 * 60 * MINUTE;
    const second = valueOf(await refresh(first.refresh_token));
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await who(second.access_token)).toMatchObject({ role: 'owner' });
    bench.clock.time += 7 * 24 * 60 * MINUTE;
    expect(refusalOf(await refresh(second.refresh_token))).toMatchObject({
      kind: 'unauthenticated',
      code: 'invalid_refresh_token',
    });
  });

  it('that comes back after it was exchanged ends the whole session, access tokens too', async () => {
    const first = valueOf(await signIn());
    const second = valueOf(await refresh(first.refresh_token));
    expect(refusalOf(await refresh(first.refresh_token))).toMatchObject({ kind: 'unauthenticated' });
    expect(bench.log.events.at(-1)).toMatchObject({ type: 'SessionEnded', data: { reason: 'token_reused' } });
    expect(refusalOf(await refresh(second.refresh_token))).toMatchObject({ kind: 'unauthenticated' });
    expect(await who(second.access_token)).toBeUndefined();
  });

  it('ends no other session', async () => {
    const [one, other] = [valueOf(await signIn()), valueOf(await signIn())];
    await signOut(one.refresh_token);
    expect(await who(other.access_token)).toBeDefined();
    expect(await refresh(other.refresh_token)).toMatchObject({ ok: true });
  });

  it('that was made up is good for nothing', async () => {
    const { refresh_token } = valueOf(await signIn());
    const forged = `${refresh_token.slice(0, -1)}${refresh_token.endsWith('A') ? 'B' : 'A'}`;
    for (const token of ['', 'x', forged, `psr_${'0'.repeat(32)}_${'A'.repeat(43)}`])
      expect(refusalOf(await refresh(token))).toMatchObject({ kind: 'unauthenticated' });
    expect(await refresh(refresh_token)).toMatchObject({ ok: true });
  });
});

describe('signing out', () => {
  it('ends both tokens at once, and twice is the same as once', async () => {
    const { access_token, refresh_token } = valueOf(await signIn());
    expect(await who(access_token)).toBeDefined();
    expect(await signOut(refresh_token)).toMatchObject({ ok: true });
    expect(await who(access_token)).toBeUndefined();
    expect(refusalOf(await refresh(refresh_token))).toMatchObject({ kind: 'unauthenticated' });
    const before = bench.log.events.length;
    expect(await signOut(refresh_token)).toMatchObject({ ok: true });
    expect(await signOut('nonsense')).toMatchObject({ ok: true });
    expect(bench.log.events).toHaveLength(before);
  });
});
