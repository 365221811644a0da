import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TenantId } from '../../../src/domain/ids.js';
import { START } from '../../../src/eventstore/event-store.js';
import { EmbeddedReadStore } from '../../../src/readstore/embedded/embedded-read-store.js';
import type { Document } from '../../../src/readstore/read-store.js';
import { smallDisk } from '../../support/small-disk.js';

const disk = smallDisk('3m');

interface Page extends Document {
  readonly batch: number;
  readonly text: string;
}
const PAGES = { name: 'pages-1-1', indexes: [{ name: 'by_batch', fields: ['batch'] }] };
const BATCH = 20;
const ada = 'ada' as TenantId;

// Only an administrator may mount a disk.
(disk.mounted ? describe : describe.skip)('Read models on a disk that is full', () => {
  const rejections: unknown[] = [];
  const count = (reason: unknown): void => void rejections.push(reason);
  beforeAll(() => {
    // LMDB says each failure there, too.
    jest.spyOn(console, 'error').mockImplementation(() => undefined);
    process.on('unhandledRejection', count);
  });
  afterAll(() => {
    process.off('unhandledRejection', count);
    disk.remove();
  });

  it('reject writes, stay whole, and take them again when there is room, without a restart', async () => {
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(1_000_000));
    const directory = join(disk.path, 'readmodels');
    await EmbeddedReadStore.initialise(directory);
    const store = await EmbeddedReadStore.open(directory);
    const pages = await store.collection<Page>(PAGES);
    const write = (batch: number): Promise<void> =>
      pages.write(
        Array.from({ length: BATCH }, (_, number) => {
          const id = `${batch}-${number}`;
          return { tenant: ada, id, document: { id, position: START, batch, text: 'x'.repeat(5000) } };
        }),
      );
    const held = async (): Promise<number> =>
      (await store.forTenant(ada).find(PAGES.name, { index: 'by_batch', limit: 10_000 })).length;

    let batch = 0;
    let refused = '';
    for (; refused === ''; batch += 1)
      refused = await write(batch).then(
        () => '',
        (error: unknown) => String(error),
      );
    const full = batch - 1;
    expect(refused).toContain('could not be written');
    expect(await held()).toBe(full * BATCH);
    const several = await Promise.allSettled([write(full), write(full + 1), write(full + 2)]);
    expect(several.map(({ status }) => status)).toContain('rejected');

    await unlink(ballast);
    await Promise.all([write(full), write(full + 1), write(full + 2)]);
    expect(await store.register.set('checkpoint', full, 0)).toBe(true);
    expect(await held()).toBe((full + 3) * BATCH);
    await store.close();
    expect(rejections).toEqual([]);
  });
});
