import { beforeEach, describe, expect, it } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { logIn } from '../../../src/commands/log-in.js';
import { revokeApiKey } from '../../../src/commands/revoke-api-key.js';
import { anonymousPrincipal, operatorPrincipal } from '../../../src/domain/tenancy/access.js';
import {
  commandBench,
  registered,
  requestOf,
  valueOf,
  type CommandBench,
} from '../../support/command-bench.js';

let bench: CommandBench;
let ada: Awaited<ReturnType<typeof registered>>;
let token: string;

beforeEach(async () => {
  bench = commandBench();
  ada = await registered(bench);
  const { email, password } = ada;
  const tokens = await bench.pipeline.execute(logIn, { email, password }, requestOf(anonymousPrincipal));
  token = valueOf(tokens).access_token;
});

const who = (bearer: string) => bench.authenticator.authenticate({ bearer });

describe('who somebody is', () => {
  it('is said by a token, and by an API key in either place', async () => {
    expect(await who(token)).toMatchObject({ actor: { kind: 'user' } });
    const key = { kind: 'api_key', id: ada.api_key.id };
    expect(await who(ada.api_key.key)).toMatchObject({ actor: key });
    expect(await bench.authenticator.authenticate({ api_key: ada.api_key.key })).toMatchObject({
      actor: key,
    });
  });

  it('is said by nothing else', async () => {
    const { key } = ada.api_key;
    const swapped = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A');
    for (const bearer of ['', 'x', swapped, `ps_${'0'.repeat(32)}_${'A'.repeat(43)}`, 'x'.repeat(100_000)])
      expect(await who(bearer)).toBeUndefined();
    expect(await bench.authenticator.authenticate({})).toBeUndefined();
  });

  it('is not said by a token in a key’s place, not even by one that is remembered', async () => {
    expect(await bench.authenticator.authenticate({ api_key: token })).toBeUndefined();
    expect(await who(token)).toBeDefined();
    expect(bench.authenticator.remembered({ api_key: token })).toBeUndefined();
    expect(await bench.authenticator.authenticate({ api_key: token })).toBeUndefined();
  });

  it('is not said by a token that is signed otherwise, or for another purpose', async () => {
    const claims = jwt.decode(token) as Record<string, unknown>;
    const key = Buffer.alloc(32, 7);
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const [, payload = '', signature = ''] = token.split('.');
    const bad = {
      'another key': jwt.sign(claims, 'another key'),
      'another algorithm': jwt.sign(claims, key, { algorithm: 'HS512' }),
      'no algorithm': `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      'another issuer': jwt.sign({ ...claims, iss: 'somebody' }, key),
      'another audience': jwt.sign({ ...claims, aud: 'something' }, key),
      'another type': jwt.sign({ ...claims, typ: 'refresh' }, key),
      'another role': jwt.sign({ ...claims, role: 'root' }, key),
      'another session': jwt.sign({ ...claims, sid: '0' }, key),
      'another tenant': jwt.sign({ ...claims, tenant: 'ten_0' }, key),
      'a changed body': `${token.split('.')[0] ?? ''}.${encode({ ...claims, role: 'admin' })}.${signature}`,
      'another spelling': `${token}=`,
    };
    expect(await who(jwt.sign(claims, key))).toBeDefined();
    for (const [what, bearer] of Object.entries(bad))
      expect([what, await who(bearer)]).toEqual([what, undefined]);
  });

  it('is asked of the log again after a second', async () => {
    const elsewhere = commandBench({ log: bench.log, clock: bench.clock, store: bench.store });
    const { key, id } = ada.api_key;
    expect(await who(key)).toBeDefined();
    await elsewhere.pipeline.execute(revokeApiKey, { key_id: id }, requestOf(ada.principal));
    bench.clock.time += 999;
    expect(await who(key)).toBeDefined();
    bench.clock.time += 1;
    expect(await who(key)).toBeUndefined();
  });

  it('is known at once for a second where it was found, until their credentials change', async () => {
    const { key, id } = ada.api_key;
    const { authenticator } = bench;
    bench.clock.time += 1000;
    expect(authenticator.remembered({ api_key: key })).toBeUndefined();
    const principal = await who(key);
    expect(authenticator.remembered({ api_key: key })).toBe(principal);
    expect(authenticator.remembered({ bearer: key })).toBe(principal);
    for (const nobody of [{}, { bearer: '' }, { bearer: token }, { api_key: `${key}A` }])
      expect(authenticator.remembered(nobody)).toBeUndefined();
    bench.clock.time += 1000;
    expect(authenticator.remembered({ api_key: key })).toBeUndefined();
    await who(key);
    expect(authenticator.remembered({ api_key: key })).toBeDefined();
    authenticator.forget(id);
    expect(authenticator.remembered({ api_key: key })).toBeUndefined();
  });

  it('is not remembered from before a revocation that came while it was being asked', async () => {
    const { key, id } = ada.api_key;
    const slow = who(key);
    const revoking = bench.pipeline.execute(revokeApiKey, { key_id: id }, requestOf(ada.principal));
    await Promise.all([slow, revoking]);
    expect(await who(key)).toBeUndefined();
  });

  it('is the operator’s by their own token alone', () => {
    expect(bench.authenticator.operatorPrincipal('the operator token')).toBe(operatorPrincipal);
    for (const text of ['', 'the operator tokem', ada.api_key.key, token])
      expect(bench.authenticator.operatorPrincipal(text)).toBeUndefined();
  });
});
