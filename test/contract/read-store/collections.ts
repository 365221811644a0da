import { describe, expect, it } from '@jest/globals';
import type { TenantId } from '../../../src/domain/ids.js';
import type { CollectionSpec } from '../../../src/readstore/read-store.js';
import { ada, bob, byBytes, BY_GROUP, put, thing, THINGS, type Subject, type Thing } from './subject.js';

export const collectionsContract = (on: Subject): void => {
  describe('tenants', () => {
    const strange = [
      'a',
      'a|',
      'a|b',
      'a\u0000',
      'a\u0000b',
      '',
      '|',
      '2|a',
      '$ne',
      '{"t":"a"}',
      'a\n',
      '😀',
      '_system',
    ];

    it('see their own documents only, whatever they and their documents are called', async () => {
      for (const tenant of strange)
        await on.things.write(
          strange.map((id) => ({
            tenant: tenant as TenantId,
            id,
            document: thing(id, { group: 'g', rank: 1, body: tenant }),
          })),
        );
      for (const tenant of strange.map((text) => text as TenantId)) {
        const found = await on.find(tenant, {
          index: 'by_rank',
          equals: ['g'],
          range: { from: 0 },
          limit: 1000,
        });
        expect(new Set(found.map(({ body }) => body))).toEqual(new Set([tenant]));
        expect(found).toHaveLength(strange.length);
        for (const id of strange) expect((await on.get(tenant, id))?.body).toBe(tenant);
      }
      expect(await on.find('stranger' as TenantId, { index: 'by_rank', limit: 9 })).toEqual([]);
    });

    it('cannot be left through a query', async () => {
      await on.things.write([
        ...put(ada, thing('one', { group: 'g', rank: 1 })),
        ...put(bob, thing('two', { group: 'g', rank: 2 })),
      ]);
      for (const order of ['ascending', 'descending'] as const) {
        const after = { values: ['g', order === 'ascending' ? 1 : 2], id: 'one' };
        expect(await on.ids(ada, { index: 'by_rank', order, limit: 9 })).toEqual(['one']);
        expect(await on.ids(ada, { index: 'by_rank', order, after, limit: 9 })).not.toContain('two');
      }
      const injected = { $gt: '' } as unknown as string;
      const got = on.get(ada, injected).catch(() => undefined);
      expect(await got).toBeUndefined();
      const found = on.ids(ada, { index: 'by_rank', equals: [injected], limit: 9 }).catch(() => []);
      expect(await found).toEqual([]);
    });

    it('are walked in order by a scan, each by its documents’ ids', async () => {
      const keys = strange.flatMap((tenant) => strange.map((id) => ({ tenant, id })));
      for (const { tenant, id } of keys.toReversed())
        await on.things.write(put(tenant as TenantId, thing(id)));
      const sorted = keys.toSorted(
        (one, other) => byBytes(one.tenant, other.tenant) || byBytes(one.id, other.id),
      );
      expect(await on.scanned()).toEqual(sorted);
      for (const tenant of strange)
        expect(await on.scanned(tenant as TenantId)).toEqual(sorted.filter((key) => key.tenant === tenant));
    });

    it('are scanned whole where there are many documents', async () => {
      const many = Array.from({ length: 1100 }, (_, at) => thing(String(at).padStart(5, '0')));
      await on.things.write([...put(ada, ...many), ...put(bob, thing('x'))]);
      expect((await on.scanned()).map(({ id }) => id)).toEqual([...many.map(({ id }) => id), 'x']);
      expect((await on.scanned(ada)).map(({ id }) => id)).toEqual(many.map(({ id }) => id));
    });
  });

  describe('collections', () => {
    const OTHER: CollectionSpec = { name: 'things-1-2', indexes: [BY_GROUP] };

    it('are apart from each other', async () => {
      const other = await on.harness.store.collection<Thing>(OTHER);
      await on.things.write(put(ada, thing('one', { group: 'g', rank: 1 })));
      await other.write(put(ada, thing('one', { group: 'other' })));
      expect((await on.get(ada, 'one'))?.group).toBe('g');
      const found = await on.harness.store
        .forTenant(ada)
        .find<Thing>(OTHER.name, { index: 'by_group', limit: 9 });
      expect(found).toEqual([thing('one', { group: 'other' })]);
      expect((await on.harness.store.collections()).toSorted()).toEqual([THINGS.name, OTHER.name]);
    });

    it('are dropped whole and can be made again, empty', async () => {
      await on.harness.store.collection<Thing>(OTHER);
      await on.things.write(put(ada, thing('one', { group: 'g', rank: 1 })));
      await on.harness.store.drop(THINGS.name);
      expect(await on.harness.store.collections()).toEqual([OTHER.name]);
      expect(await on.get(ada, 'one')).toBeUndefined();
      await on.harness.store.drop(THINGS.name);
      await on.openThings();
      expect(await on.get(ada, 'one')).toBeUndefined();
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual([]);
      await on.things.write(put(ada, thing('two', { group: 'g', rank: 1 })));
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['two']);
    });

    it('can be opened again and again', async () => {
      await on.things.write(put(ada, thing('one', { group: 'g', rank: 1 })));
      const again = await on.harness.store.collection<Thing>(THINGS);
      await again.write(put(ada, thing('two', { group: 'g', rank: 2 })));
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one', 'two']);
    });

    it('with other indexes need another name', async () => {
      await expect(on.harness.store.collection({ ...THINGS, indexes: [BY_GROUP] })).rejects.toThrow(
        THINGS.name,
      );
      await expect(on.harness.store.collection({ name: 'Not $ a name', indexes: [] })).rejects.toThrow(
        'Not $ a name',
      );
    });

    it('and everything in them are there after another start', async () => {
      const document = thing('one', { group: 'g', rank: 1, body: { bytes: Uint8Array.of(1) } });
      await on.things.write(put(ada, document));
      await on.harness.store.register.set('checkpoint', { at: 1 }, 0);
      await on.harness.reopen();
      expect(await on.harness.store.collections()).toEqual([THINGS.name]);
      expect(await on.get(ada, 'one')).toStrictEqual(document);
      expect(await on.find(ada, { index: 'by_rank', limit: 9 })).toStrictEqual([document]);
      expect(await on.harness.store.register.get('checkpoint')).toEqual({ value: { at: 1 }, version: 1 });
      await on.openThings();
      await on.things.write(put(ada, thing('one')));
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual([]);
    });
  });
};
