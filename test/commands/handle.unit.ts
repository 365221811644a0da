import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { beginDeployment } from '../../src/commands/begin-deployment.js';
import { changeRule } from '../../src/commands/change-rule.js';
import { defineRule } from '../../src/commands/define-rule.js';
import { overrideDeployment } from '../../src/commands/override-deployment.js';
import { deleteRule } from '../../src/commands/delete-rule.js';
import { registerTenant } from '../../src/commands/register-tenant.js';
import { anonymousPrincipal, operatorPrincipal, type Principal } from '../../src/domain/tenancy/access.js';
import { EventStoreUnavailable } from '../../src/eventstore/event-store.js';
import {
  commandBench,
  refusalOf,
  registered,
  requestOf,
  valueOf,
  type CommandBench,
} from '../support/command-bench.js';

const override = { by: 'ada', reason: 'the test is about what happens meanwhile' };
const rule = {
  name: 'Errors',
  severity: 'critical',
  condition: { metric: 'error_count', operator: '>', threshold: 10 },
  window_seconds: 60,
} as const;

let bench: CommandBench;
let acme: Principal;

beforeEach(async () => {
  bench = commandBench();
  acme = (await registered(bench)).principal;
});

const define = (input: unknown = rule, more = {}, principal = acme) =>
  bench.pipeline.execute(defineRule, input, requestOf(principal, more));
const defined = async () => valueOf(await define()).rule;
const change = (rule_id: string, more = {}, definition: object = { ...rule, name: 'Other' }) =>
  bench.pipeline.execute(changeRule, { rule_id, definition }, requestOf(acme, more));
const records = () => bench.log.events.length;

describe('a command', () => {
  it('answers with the position that it reached, and is stamped with where it came from', async () => {
    const result = await define(rule, { request_id: 'r', correlation_id: 'c', causation_id: 'e' });
    const last = bench.log.events.at(-1)!;
    expect(result).toMatchObject({ ok: true, position: last.position, replayed: false });
    expect(last).toMatchObject({ type: 'AlertRuleDefined', schema_version: 1 });
    expect(last.metadata).toMatchObject({
      tenant_id: acme.tenant_id,
      actor: acme.actor,
      origin: 'api',
      request_id: 'r',
      correlation_id: 'c',
      causation_id: 'e',
    });
  });

  it('that changes nothing answers with the position of what it found', async () => {
    const { id } = await defined();
    const { position } = bench.log.events.at(-1)!;
    await registered(bench, 'other');
    const before = records();
    expect(await change(id, {}, rule)).toMatchObject({ ok: true, position });
    expect(records()).toBe(before);
  });

  it('is refused to those who may not give it, before its input is looked at', async () => {
    expect(refusalOf(await define({ nonsense: true }, {}, anonymousPrincipal))).toMatchObject({
      kind: 'forbidden',
      code: 'forbidden',
    });
  });

  it('with fields that are not valid is refused by their names and records nothing', async () => {
    const before = records();
    const wrong = JSON.parse(JSON.stringify({ ...rule, colour: 'red' })) as object;
    expect(refusalOf(await define(wrong))).toMatchObject({
      kind: 'invalid',
      errors: [{ pointer: '/colour', code: 'unknown_field' }],
    });
    expect(refusalOf(await define(JSON.parse('{"__proto__": {"name": "x"}}')))).toMatchObject({
      kind: 'invalid',
    });
    expect(refusalOf(await define('rule'))).toMatchObject({ errors: [{ pointer: '', code: 'wrong_type' }] });
    expect(records()).toBe(before);
  });

  it('decides again where somebody else was faster', async () => {
    const { id } = await defined();
    let meanwhile: Promise<unknown> = Promise.resolve();
    bench.log.before = () => {
      bench.log.before = () => Promise.resolve(undefined);
      meanwhile = change(id, {}, { ...rule, name: 'Faster' });
      return meanwhile.then(() => undefined);
    };
    expect(valueOf(await change(id)).rule).toMatchObject({ name: 'Other', version: 3 });
    expect(await meanwhile).toMatchObject({ ok: true, value: { rule: { name: 'Faster', version: 2 } } });
  });

  it('gives up where others are faster every time', async () => {
    const { id } = await defined();
    bench.log.before = () => Promise.resolve({ outcome: 'conflict', actual: 'none' });
    expect(refusalOf(await change(id))).toMatchObject({ kind: 'unavailable', code: 'contended' });
  });

  it('says so where the log cannot take it', async () => {
    bench.log.before = () => Promise.reject(new EventStoreUnavailable('disk_full', 'no space'));
    expect(refusalOf(await define())).toMatchObject({ kind: 'disk_full' });
    bench.log.before = () => Promise.reject(new EventStoreUnavailable('unreachable', 'gone'));
    expect(refusalOf(await define())).toMatchObject({ kind: 'unavailable' });
    bench.log.before = () => Promise.resolve({ outcome: 'too_large', bytes: 2, limit: 1 });
    expect(refusalOf(await define())).toMatchObject({ kind: 'too_large' });
  });

  it('is not carried out on a version that the client has not seen', async () => {
    const { id } = await defined();
    expect(refusalOf(await change(id, { expected_version: 7 }))).toMatchObject({ kind: 'stale' });
    expect(valueOf(await change(id, { expected_version: 1 })).rule.version).toBe(2);
    expect(refusalOf(await change(id, { expected_version: 1 }, rule))).toMatchObject({ kind: 'stale' });
  });
});

describe('another tenant’s things', () => {
  it('look exactly like things that are not there', async () => {
    const { id } = await defined();
    const other = (await registered(bench, 'other')).principal;
    const before = records();
    const on = (rule_id: string) =>
      bench.pipeline.execute(
        changeRule,
        { rule_id, definition: rule },
        requestOf(other, { expected_version: 1 }),
      );
    const missing = refusalOf(await on(`rul_${'0'.repeat(32)}`));
    expect(missing).toMatchObject({ kind: 'not_found', code: 'rule_not_found' });
    expect(refusalOf(await on(id))).toEqual(missing);
    expect(refusalOf(await on('../../etc/passwd'))).toEqual(missing);
    expect(refusalOf(await bench.pipeline.execute(deleteRule, { rule_id: id }, requestOf(other)))).toEqual(
      missing,
    );
    expect(records()).toBe(before);
  });
});

describe('a deployment', () => {
  const begin = (more = {}) =>
    bench.pipeline.execute(beginDeployment, { release: '2.0' }, requestOf(operatorPrincipal, more));

  it('keeps every command out until it is complete', async () => {
    const { deployment_id } = valueOf(await begin());
    const before = records();
    expect(refusalOf(await define())).toMatchObject({
      kind: 'guarded',
      code: 'deployment_in_progress',
      retry_after_seconds: expect.any(Number),
    });
    expect(records()).toBe(before);
    valueOf(
      await bench.pipeline.execute(
        overrideDeployment,
        { deployment_id, override },
        requestOf(operatorPrincipal),
      ),
    );
    expect(await define()).toMatchObject({ ok: true });
  });

  it('keeps out a command that was under way when it began, too', async () => {
    const { id } = await defined();
    // Held back between deciding and appending: its first append meets a conflict, and meanwhile the guard goes up.
    bench.log.before = async () => {
      bench.log.before = () => Promise.resolve(undefined);
      // The begin waits for this very append; it is raised at once all the same.
      void begin();
      await Promise.resolve();
      while (bench.guard.state.mode === 'open') await new Promise((resolve) => setImmediate(resolve));
      return { outcome: 'conflict', actual: 'none' };
    };
    expect(refusalOf(await change(id))).toMatchObject({ kind: 'guarded' });
  });

  it('stands behind every record that was on its way when it began', async () => {
    let release = (): void => undefined;
    const held = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
    bench.log.before = (attempt) => (attempt === bench.log.appends ? held : Promise.resolve(undefined));
    const defining = define();
    while (bench.log.events.length === bench.log.appends)
      await new Promise((resolve) => setImmediate(resolve));
    bench.log.before = () => Promise.resolve(undefined);
    const beginning = begin();
    while (bench.guard.state.mode === 'open') await new Promise((resolve) => setImmediate(resolve));
    release();
    expect(await defining).toMatchObject({ ok: true });
    expect(await beginning).toMatchObject({ ok: true });
    expect(bench.log.events.slice(-2).map(({ type }) => type)).toEqual([
      'AlertRuleDefined',
      'DeploymentBegun',
    ]);
  });

  it('is the operator’s to begin, and nobody else’s', async () => {
    expect(
      refusalOf(await bench.pipeline.execute(beginDeployment, { release: '2.0' }, requestOf(acme))),
    ).toMatchObject({ kind: 'forbidden' });
  });

  it('waits for the one that is under way', async () => {
    await begin();
    expect(refusalOf(await begin())).toMatchObject({ kind: 'conflict', code: 'deployment_in_progress' });
  });
});

describe('a request with an Idempotency-Key', () => {
  const keyed = { idempotency_key: 'k' };

  it('is carried out once and answered the same again', async () => {
    const first = await define(rule, keyed);
    const before = records();
    expect(await define(rule, keyed)).toEqual({ ...first, replayed: true });
    expect(records()).toBe(before);
  });

  it('is the same request whatever the order of its fields', async () => {
    const first = await define(rule, keyed);
    expect(await define(Object.fromEntries(Object.entries(rule).reverse()), keyed)).toEqual({
      ...first,
      replayed: true,
    });
  });

  it('is refused with another body', async () => {
    await define(rule, keyed);
    expect(refusalOf(await define({ ...rule, name: 'Other' }, keyed))).toMatchObject({
      kind: 'unprocessable',
      code: 'idempotency_key_reused',
    });
  });

  it('is another request for another credential and for another command', async () => {
    const first = valueOf(await define(rule, keyed)).rule;
    const other = (await registered(bench, 'other')).principal;
    const second = valueOf(await define(rule, keyed, other)).rule;
    expect(second.id).not.toBe(first.id);
    expect(
      await bench.pipeline.execute(deleteRule, { rule_id: first.id }, requestOf(acme, keyed)),
    ).toMatchObject({ ok: true, replayed: false });
  });

  it('is told to wait while the first one is being carried out', async () => {
    const first = define(rule, keyed);
    expect(refusalOf(await define(rule, keyed))).toMatchObject({
      kind: 'conflict',
      code: 'idempotency_in_flight',
    });
    expect(await first).toMatchObject({ ok: true });
  });

  it('that was refused may be sent again', async () => {
    const { deployment_id } = valueOf(
      await bench.pipeline.execute(beginDeployment, { release: '2' }, requestOf(operatorPrincipal)),
    );
    await define(rule, keyed);
    await bench.pipeline.execute(
      overrideDeployment,
      { deployment_id, override },
      requestOf(operatorPrincipal),
    );
    expect(await define(rule, keyed)).toMatchObject({ ok: true, replayed: false });
  });

  it('records the same where the answer to the first one was lost with everything but the log', async () => {
    const first = valueOf(await define(rule, keyed)).rule;
    const before = records();
    const { pipeline } = commandBench({ log: bench.log });
    const again = valueOf(await pipeline.execute(defineRule, rule, requestOf(acme, keyed))).rule;
    expect(again).toEqual(first);
    expect(records()).toBe(before);
  });

  it('leaves neither the key nor the input readable in the log or the register', async () => {
    const keyed = { idempotency_key: 'a-secret-key' };
    const input = { tenant_name: 'Other', email: 'bob@other.example', password: 'battery staple' };
    const { api_key } = valueOf(
      await bench.pipeline.execute(registerTenant, input, requestOf(anonymousPrincipal, keyed)),
    );
    await define(rule, keyed);
    const kept = JSON.stringify([
      bench.log.events.map(({ metadata }) => metadata),
      await bench.store.register.list(''),
    ]);
    expect(kept).not.toContain('a-secret-key');
    expect(kept).not.toContain(input.password);
    expect(kept).not.toContain(api_key.key.split('_')[2]);
    expect(kept).not.toContain(rule.name);
  });

  it('never records anything twice, however requests with a few keys and bodies repeat and restart', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            key: fc.constantFrom('a', 'b'),
            name: fc.constantFrom('one', 'two'),
            restart: fc.boolean(),
          }),
          { maxLength: 12 },
        ),
        async (steps) => {
          let world = commandBench();
          const { principal } = await registered(world);
          const answers = new Map<string, string>();
          for (const { key, name, restart } of steps) {
            if (restart) world = commandBench({ log: world.log, store: world.store, clock: world.clock });
            const result = await world.pipeline.execute(
              defineRule,
              { ...rule, name },
              requestOf(principal, { idempotency_key: key }),
            );
            const first = answers.get(key);
            if (first === undefined) answers.set(key, JSON.stringify({ name, result: valueOf(result) }));
            else if ((JSON.parse(first) as { name: string }).name === name)
              expect(JSON.stringify({ name, result: valueOf(result) })).toBe(first);
            else expect(refusalOf(result).code).toBe('idempotency_key_reused');
          }
          const made = world.log.events.filter(({ type }) => type === 'AlertRuleDefined');
          expect(made).toHaveLength(answers.size);
        },
      ),
      { seed: 1, numRuns: 50 },
    ));
});
