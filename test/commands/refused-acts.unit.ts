import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RefusedActs, type RefusedAct } from '../../src/commands/refused-acts.js';
import { SYSTEM_TENANT, type TenantId } from '../../src/domain/ids.js';
import { MemoryReadStore } from '../support/memory-read-store.js';

const tenant = 'ten_1' as TenantId;
const DAY = 86_400_000;
const act = (from: string, code = 'forbidden'): RefusedAct => ({
  actor: { kind: 'user', id: 'usr_1' },
  action: 'POST /rules',
  code,
  status: 403,
  request_id: `req-${from}`,
  client: { address: from },
});

const world = (options: { apart?: number; kept_days?: number } = {}) => {
  const clock = { time: Date.UTC(2026, 0, 1), now: (): number => clock.time };
  const store = new MemoryReadStore();
  const start = (instance = 'one', on = store): RefusedActs => new RefusedActs(on, clock, instance, options);
  const all = { limit: 1000 };
  return { clock, store, start, all, acts: start() };
};

describe('what was refused', () => {
  it('is counted by act, day and process, however often it is written and started anew', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(fc.nat(3), fc.constantFrom('one', 'two'), fc.constantFrom('', 'write', 'restart', 'day')),
          {
            maxLength: 40,
          },
        ),
        async (notes) => {
          const { clock, start, all } = world();
          const running = { one: start('one'), two: start('two') };
          const expected = new Map<string, number>();
          for (const [from, instance, then] of notes) {
            clock.time += 1000;
            running[instance as 'one'].note(tenant, act(`10.0.0.${from}`));
            const key = `${new Date(clock.time).toISOString().slice(0, 10)} ${from} ${instance}`;
            expected.set(key, (expected.get(key) ?? 0) + 1);
            if (then === 'day') clock.time += DAY;
            if (then !== '') for (const one of Object.values(running)) await one.flush();
            if (then === 'restart') running[instance as 'one'] = start(instance);
          }
          for (const one of Object.values(running)) await one.flush();
          const found = await start('three').find(tenant, all);
          const counts = found.map(({ count }) => count ?? 0).sort((a, b) => a - b);
          expect(counts).toEqual([...expected.values()].sort((a, b) => a - b));
          const times = found.map(({ at }) => at);
          expect(times).toEqual(times.toSorted().reverse());
        },
      ),
      { numRuns: 50 },
    ));

  it('cannot fill the store: beyond so many a day they are counted together, and old ones go', async () => {
    const { acts, clock, all } = world({ apart: 10, kept_days: 2 });
    for (let count = 0; count < 1000; count += 1) acts.note(tenant, act(`10.0.${String(count)}`));
    const flood = await acts.find(tenant, all);
    expect(flood).toHaveLength(11);
    expect(flood.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(1000);
    expect(flood.find(({ action }) => action === 'other')).toMatchObject({ count: 990, code: 'other' });
    clock.time += 3 * DAY;
    acts.note(tenant, act('10.1.1.1'));
    expect(await acts.find(tenant, all)).toHaveLength(1);
  });

  it('that is nobody’s stands apart from every tenant', async () => {
    const { acts, all } = world();
    acts.note(undefined, act('10.0.0.1'));
    expect(await acts.find(tenant, all)).toEqual([]);
    expect(await acts.find(SYSTEM_TENANT, all)).toHaveLength(1);
  });

  it('is written later where the store cannot take it now', async () => {
    let refuses = true;
    const store = new MemoryReadStore(() => {
      if (refuses) throw new Error('full');
    });
    const { start, all } = world();
    const acts = start('one', store);
    acts.note(tenant, act('10.0.0.1'));
    await expect(acts.flush()).rejects.toThrow('full');
    refuses = false;
    acts.note(tenant, act('10.0.0.1'));
    expect(await acts.find(tenant, all)).toMatchObject([{ count: 2 }]);
  });
});
