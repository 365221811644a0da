import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantId } from '../../../src/domain/ids.js';
import { START } from '../../../src/eventstore/event-store.js';
import { MongoReadStore } from '../../../src/readstore/mongodb/mongo-read-store.js';
import type { Document } from '../../../src/readstore/read-store.js';
import { hasGo, startFerretDb, type FerretDb } from '../../support/ferretdb.js';

const BUILD_TIMEOUT_MS = 600_000;

interface Note extends Document {
  readonly text: string;
}
const NOTES = { name: 'notes-1-1', indexes: [] };
const ada = 'ada' as TenantId;
const note = (text: string): Note => ({ id: 'one', position: START, text });

(hasGo() ? describe : describe.skip)('The MongoDB read store', () => {
  let server: FerretDb;
  let store: MongoReadStore;
  beforeEach(async () => {
    server = await startFerretDb();
    store = await MongoReadStore.connect(server.url, { database: 'notes', timeout_ms: 500 });
  }, BUILD_TIMEOUT_MS);
  afterEach(async () => {
    await store.close();
    await server.stop();
  });

  it('says which document is too large, and writes nothing of that write', async () => {
    const notes = await store.collection<Note>(NOTES);
    const large = { ...note('x'.repeat(16 * 1024 * 1024)), id: 'large' };
    const changes = [note('small'), large].map((document) => ({ tenant: ada, id: document.id, document }));
    await expect(notes.write(changes)).rejects.toThrow(/large of notes-1-1 has 167\d+ bytes/);
    expect(await store.forTenant(ada).get(NOTES.name, 'one')).toBeUndefined();
  });

  it('rejects while the server is away, and says that it is unreachable', async () => {
    const notes = await store.collection<Note>(NOTES);
    await notes.write([{ tenant: ada, id: 'one', document: note('here') }]);
    await server.stop();
    await expect(notes.write([{ tenant: ada, id: 'one', document: note('away') }])).rejects.toThrow();
    await expect(store.forTenant(ada).get(NOTES.name, 'one')).rejects.toThrow();
    await expect(store.register.set('key', 1, 0)).rejects.toThrow();
    expect((await store.health()).status).toBe('unreachable');
    await expect(
      MongoReadStore.connect(server.url, { database: 'notes', timeout_ms: 200 }),
    ).rejects.toThrow();
  });

  it('of two processes sees one another’s collections', async () => {
    const other = await MongoReadStore.connect(server.url, { database: 'notes' });
    const notes = await store.collection<Note>(NOTES);
    await notes.write([{ tenant: ada, id: 'one', document: note('shared') }]);
    expect(await other.collections()).toEqual([NOTES.name]);
    expect(await other.forTenant(ada).get<Note>(NOTES.name, 'one')).toEqual(note('shared'));
    await other.close();
  });
});
