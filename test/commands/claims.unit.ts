import { beforeEach, describe, expect, it } from '@jest/globals';
import { Claims } from '../../src/commands/claims.js';
import type { CommandResult } from '../../src/commands/handle.js';
import { START } from '../../src/eventstore/event-store.js';
import { systemRandom } from '../../src/platform/random.js';
import { MemoryReadStore } from '../support/memory-read-store.js';
import { TestClock } from '../support/telemetry.js';

const keyed = { key: 'k', body: 'b' };
const HOUR = 3_600_000;

let store: MemoryReadStore;
let clock: TestClock;
let times: number;
const answer = (): Promise<CommandResult<{ secret: string }>> => {
  times += 1;
  return Promise.resolve({ ok: true, value: { secret: `s${times}` }, position: START, replayed: false });
};
const never = (): Promise<CommandResult<never>> => new Promise(() => undefined);
const claims = (instance: string, key = Buffer.alloc(32, 1)): Claims =>
  new Claims(store.register, clock, systemRandom, key, instance);

beforeEach(() => {
  store = new MemoryReadStore();
  clock = new TestClock();
  times = 0;
});

describe('a claim', () => {
  it('answers repetitions in every instance, and after a restart', async () => {
    const first = await claims('a').once(keyed, answer);
    for (const instance of ['a', 'b'])
      expect(await claims(instance).once(keyed, answer)).toEqual({ ...first, replayed: true });
    expect(times).toBe(1);
  });

  it('keeps other instances out for a minute, in case its own is still at work', async () => {
    void claims('a').once(keyed, never);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await claims('b').once(keyed, answer)).toMatchObject({
      refusal: { code: 'idempotency_in_flight' },
    });
    clock.time += 60_000;
    expect(await claims('b').once(keyed, answer)).toMatchObject({ ok: true });
  });

  it('of its own instance from before a restart is taken over at once', async () => {
    void claims('a').once(keyed, never);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await claims('a').once(keyed, answer)).toMatchObject({ ok: true });
  });

  it('is one of two instances’ that ask at the same time', async () => {
    const results = await Promise.all(['a', 'b', 'c'].map((name) => claims(name).once(keyed, answer)));
    expect(times).toBe(1);
    expect(results.filter((result) => result.ok && !result.replayed)).toHaveLength(1);
  });

  it('is given up where the request failed', async () => {
    const one = claims('a');
    await expect(one.once(keyed, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    const refusal = { kind: 'conflict', code: 'c', detail: 'd' } as const;
    expect(await one.once(keyed, () => Promise.resolve({ ok: false, refusal }))).toEqual({
      ok: false,
      refusal,
    });
    expect(await one.once(keyed, answer)).toMatchObject({ ok: true, replayed: false });
  });

  it('is kept for a day at least, and forgotten one day', async () => {
    const one = claims('a');
    await one.once(keyed, answer);
    clock.time += 24 * HOUR;
    await one.forget();
    expect(await one.once(keyed, answer)).toMatchObject({ replayed: true });
    clock.time += 24 * HOUR + 1;
    await one.forget();
    expect(await store.register.list('')).toEqual([]);
  });

  it('keeps its answer so that nobody reads it without the server’s secret', async () => {
    await claims('a').once(keyed, answer);
    expect(JSON.stringify(await store.register.list(''))).not.toContain('s1');
    await expect(claims('a', Buffer.alloc(32, 2)).once(keyed, answer)).rejects.toThrow();
  });
});
