import type { TenantId } from '../../src/domain/ids.js';
import { toPosition } from '../../src/eventstore/event-store.js';
import { EmbeddedReadStore } from '../../src/readstore/embedded/embedded-read-store.js';
import { LOADED, LOADED_DOCUMENTS, type LoadedDocument } from './loaded-documents.js';

/** Writes documents and then their checkpoint, round after round, until it is killed; says each round's number. */
const [directory = ''] = process.argv.slice(2);
const store = await EmbeddedReadStore.open(directory);
const documents = await store.collection<LoadedDocument>(LOADED);
const { value = 0, version = 0 } = (await store.register.get('checkpoint')) ?? {};

for (let round = Number(value) + 1, at = version; ; round += 1, at += 1) {
  const position = toPosition(round);
  await documents.write(
    Array.from({ length: LOADED_DOCUMENTS }, (_, number) => ({
      tenant: 'a' as TenantId,
      id: `${number}`,
      document: { id: `${number}`, position, round, padding: 'x'.repeat((round * 37 + number) % 900) },
    })),
  );
  await store.register.set('checkpoint', round, at);
  process.stdout.write(`${round}\n`);
}
