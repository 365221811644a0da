import { describe, expect, it } from '@jest/globals';
import { toPosition } from '../../src/eventstore/event-store.js';
import { Snapshots } from '../../src/processes/snapshots.js';
import { MemoryReadStore } from '../support/memory-read-store.js';

const large = (fill: number): Uint8Array => Buffer.alloc(2_500_000, fill);
const snapshot = (position: number, state: Uint8Array) => ({ position: toPosition(position), state });

describe('snapshots of a process manager', () => {
  it('are read as they were saved, however large, the last one of each', async () => {
    const snapshots = new Snapshots(new MemoryReadStore());
    expect(await snapshots.load('one')).toBeUndefined();
    for (const at of [1, 2, 3]) await snapshots.save('one', snapshot(at, large(at)));
    await snapshots.save('other', snapshot(9, Buffer.from('small')));

    const loaded = await snapshots.load('one');
    expect(loaded?.position).toBe(toPosition(3));
    expect(Buffer.compare(loaded?.state ?? Buffer.alloc(0), large(3))).toBe(0);
    expect(Buffer.from((await snapshots.load('other'))?.state ?? []).toString()).toBe('small');
  });

  it('are the ones before where saving broke off anywhere', async () => {
    for (let breaks = 0; breaks < 4; breaks += 1) {
      const whole = new MemoryReadStore();
      await new Snapshots(whole).save('one', snapshot(1, large(1)));
      let operations = 0;
      const broken = whole.withRules(() => {
        operations += 1;
        if (operations > breaks) throw new Error('the store went away');
      });
      await expect(new Snapshots(broken).save('one', snapshot(2, large(2)))).rejects.toThrow('went away');

      expect((await new Snapshots(whole).load('one'))?.position).toBe(toPosition(1));
    }
  });

  it('are none where a part is missing', async () => {
    const store = new MemoryReadStore();
    const snapshots = new Snapshots(store);
    await snapshots.save('one', snapshot(1, large(1)));
    for (const name of await store.collections()) await store.drop(name);
    expect(await snapshots.load('one')).toBeUndefined();
  });
});
