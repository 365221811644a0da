import { join } from 'node:path';
import { LogClientIds } from '../../src/clientids/embedded/log-client-ids.js';
import { Claims } from '../../src/commands/claims.js';
import { DeploymentGuard } from '../../src/commands/guard.js';
import { ChunkWriter } from '../../src/commands/ingest/chunk-writer.js';
import { TelemetryIngest } from '../../src/commands/ingest/ingest.js';
import { RecordWriter } from '../../src/commands/writer.js';
import type { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemRandom } from '../../src/platform/random.js';
import { testPeople } from './people.js';
import { noQuotas } from './limits.js';
import { MemoryReadStore } from './memory-read-store.js';

/** Ingest into an embedded log with an index of client ids beside it; `recent`: ids that are kept in memory. */
export const openIngest = async (
  log: EmbeddedEventStore,
  directory: string,
  recent?: number,
): Promise<{ readonly ingest: TelemetryIngest; readonly index: LogClientIds }> => {
  const instance = { instance_id: 'test', release: '1' };
  const guard = new DeploymentGuard(false);
  const writer = new RecordWriter(log, guard, systemClock, instance, testPeople());
  const chunks = new ChunkWriter(writer, systemClock, systemRandom, instance, { shard: '0' });
  const { register } = new MemoryReadStore();
  const claims = new Claims(register, systemClock, systemRandom, Buffer.alloc(32), instance.instance_id);
  const index = new LogClientIds({
    directory: join(directory, 'index', 'client-ids'),
    log,
    clock: systemClock,
    random: systemRandom,
    shared: false,
    ...(recent !== undefined && { recent }),
  });
  await index.start();
  const ingest = new TelemetryIngest(chunks, index, guard, claims, noQuotas, systemClock, systemRandom);
  return { ingest, index };
};
