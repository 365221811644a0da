import { describe, expect, it } from '@jest/globals';
import type { Subject } from './subject.js';

export const registerContract = (on: Subject, atomic_updates: boolean): void => {
  describe('the register', () => {
    it('sets a value only at the version that was read', async () => {
      const { register } = on.harness.store;
      expect(await register.get('key')).toBeUndefined();
      expect(await register.set('key', { n: 1 }, 1)).toBe(false);
      expect(await register.set('key', { n: 1 }, 0)).toBe(true);
      expect(await register.set('key', { n: 2 }, 0)).toBe(false);
      expect(await register.get('key')).toEqual({ value: { n: 1 }, version: 1 });
      expect(await register.set('key', null, 1)).toBe(true);
      expect(await register.set('key', { n: 3 }, 1)).toBe(false);
      expect(await register.get('key')).toEqual({ value: null, version: 2 });
    });

    (atomic_updates ? it : it.skip)('loses no increment of many at once', async () => {
      const { register } = on.harness.store;
      const increment = async (): Promise<void> => {
        for (;;) {
          const { value = 0, version = 0 } = (await register.get('count')) ?? {};
          if (await register.set('count', Number(value) + 1, version)) return;
        }
      };
      await Promise.all(Array.from({ length: 12 }, increment));
      expect(await register.get('count')).toEqual({ value: 12, version: 12 });
    });

    it('lets one of many take what nobody has', async () => {
      const claims = await Promise.all(
        Array.from({ length: 12 }, (_, at) => on.harness.store.register.set('claim', at, 0)),
      );
      expect(claims.filter(Boolean)).toHaveLength(1);
      expect((await on.harness.store.register.get('claim'))?.value).toBe(claims.indexOf(true));
    });

    it('forgets what is deleted', async () => {
      const { register } = on.harness.store;
      await register.set('key', 1, 0);
      await register.delete('key');
      await register.delete('key');
      expect(await register.get('key')).toBeUndefined();
      expect(await register.set('key', 2, 0)).toBe(true);
    });

    it('lists by the beginning of the key', async () => {
      const { register } = on.harness.store;
      const value = { 'a.b': { $set: 1 }, '😀\u0000': ['x', null] };
      for (const key of ['a', 'a.1', 'a.😀', 'a/1', 'b', 'a.$x']) await register.set(key, value, 0);
      expect(await register.list('a.')).toEqual(
        ['a.$x', 'a.1', 'a.😀'].map((key) => ({ key, value, version: 1 })),
      );
      expect((await register.list('')).map(({ key }) => key)).toHaveLength(6);
      expect(await register.list('c')).toEqual([]);
    });
  });
};
