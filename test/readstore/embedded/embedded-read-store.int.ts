import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedReadStore } from '../../../src/readstore/embedded/embedded-read-store.js';

describe('The embedded read store', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'read-store-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is made by initialising only: opening makes nothing', async () => {
    await expect(EmbeddedReadStore.open(directory)).rejects.toThrow(directory);
    expect(await readdir(directory)).toEqual([]);
  });

  it('stays as it is when initialised again', async () => {
    await EmbeddedReadStore.initialise(directory);
    const store = await EmbeddedReadStore.open(directory);
    await store.register.set('key', 'kept', 0);
    await store.close();
    await EmbeddedReadStore.initialise(directory);
    const again = await EmbeddedReadStore.open(directory);
    expect(await again.register.get('key')).toEqual({ value: 'kept', version: 1 });
    await again.close();
  });

  it('makes no collection that is only read', async () => {
    await EmbeddedReadStore.initialise(directory);
    const store = await EmbeddedReadStore.open(directory);
    const reader = store.forTenant('a' as Parameters<typeof store.forTenant>[0]);
    expect(await reader.get('nothing', 'one')).toBeUndefined();
    await expect(reader.find('nothing', { index: 'by_time', limit: 1 })).rejects.toThrow('nothing');
    await store.drop('nothing');
    expect(await store.collections()).toEqual([]);
    await store.close();
  });
});
