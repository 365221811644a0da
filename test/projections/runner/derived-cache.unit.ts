import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantId } from '../../../src/domain/ids.js';
import { START } from '../../../src/eventstore/event-store.js';
import { DerivedCache } from '../../../src/projections/runner/derived-cache.js';
import type { Derivation } from '../../../src/projections/read-models.js';
import type { Document } from '../../../src/readstore/read-store.js';

interface Versioned extends Document {
  readonly version: number;
}
interface Made {
  readonly version: number;
}

const tenant = 'ten_one' as TenantId;
const at = (id: string) => ({ projection: 'model', tenant, id });
const derivation: Derivation<Versioned, Made> = { make: ({ version }) => ({ version }), bytes: () => 800 };
const ids = ['a', 'b', 'c'];
const few = fc.constantFrom('a', 'b');

describe('what is made of documents', () => {
  it('is never older than a change that was told before it was asked for, however reads and writes overlap', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('write', 'tell', 'ask'), id: few }),
      fc.record({ kind: fc.constantFrom('read', 'read', 'tell all'), id: few }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const cache = new DerivedCache();
        const stored = new Map<string, number>();
        /** What somebody has to see who asks now, by document. */
        const told = new Map<string, number>();
        let version = 0;
        let reads: (() => void)[] = [];
        const load = (id: string) => async (): Promise<Versioned | undefined> => {
          const found = stored.get(id);
          await new Promise<void>((resolve) => reads.push(resolve));
          return found === undefined ? undefined : { id, position: START, version: found };
        };
        const asked: Promise<void>[] = [];
        for (const { kind, id } of steps)
          if (kind === 'write') stored.set(id, (version += 1));
          else if (kind === 'tell' || kind === 'tell all') {
            for (const one of kind === 'tell' ? [id] : ids) told.set(one, stored.get(one) ?? 0);
            cache.changed('model', kind === 'tell' ? new Map([[tenant, [id]]]) : undefined);
          } else if (kind === 'ask') {
            const least = told.get(id) ?? 0;
            asked.push(
              cache.of(at(id), derivation, load(id)).then((made) => {
                expect(made?.version ?? 0).toBeGreaterThanOrEqual(least);
              }),
            );
          } else {
            for (const done of reads) done();
            reads = [];
            await new Promise((resolve) => setImmediate(resolve));
          }
        for (let more = true; more;) {
          more = reads.length > 0;
          for (const done of reads) done();
          reads = [];
          await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(asked);
        cache.changed('model');
        for (const id of ids) {
          const made = await cache.of(at(id), derivation, () =>
            Promise.resolve(
              stored.has(id) ? { id, position: START, version: stored.get(id) ?? 0 } : undefined,
            ),
          );
          expect(made?.version).toBe(stored.get(id));
        }
      }),
    );
  });

  it('is the same object as long as nothing changes, and is made anew of what changed alone', async () => {
    const cache = new DerivedCache();
    const loaded: string[] = [];
    const load = (id: string) => () => {
      loaded.push(id);
      return Promise.resolve<Versioned>({ id, position: START, version: 1 });
    };
    const ask = () => Promise.all(ids.map((id) => cache.of(at(id), derivation, load(id))));
    const first = await ask();
    const second = await ask();
    expect(second.map((made, i) => made === first[i])).toEqual([true, true, true]);
    cache.changed('other', new Map([[tenant, ['a']]]));
    cache.changed('model', new Map([['ten_two' as TenantId, ['a']]]));
    cache.changed('model', new Map([[tenant, ['b']]]));
    await ask();
    expect(loaded).toEqual(['a', 'b', 'c', 'b']);
  });

  it('takes so much memory and no more: what was asked for longest ago goes', async () => {
    const cache = new DerivedCache(2_000);
    const loaded: string[] = [];
    const ask = (id: string) =>
      cache.of(at(id), derivation, () => {
        loaded.push(id);
        return Promise.resolve<Versioned>({ id, position: START, version: 1 });
      });
    for (const id of ['a', 'b', 'a', 'c', 'a', 'b']) await ask(id);
    expect(loaded).toEqual(['a', 'b', 'c', 'b']);
  });
});
