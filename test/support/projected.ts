import type { EventLog } from '../../src/eventstore/event-store.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemRandom } from '../../src/platform/random.js';
import type { AnyProjection } from '../../src/projections/projection.js';
import { ProjectionHost, type HostOptions } from '../../src/projections/runner/host.js';
import type { Document, ReadStore } from '../../src/readstore/read-store.js';
import type { Replay } from '../../src/replay/rebuild.js';

/** A started host over a log and a store. */
export const hostOver = async (
  log: EventLog,
  store: ReadStore,
  projections: readonly AnyProjection[],
  options: Partial<HostOptions> = {},
): Promise<ProjectionHost> => {
  const host = new ProjectionHost(projections, log, store, systemClock, systemRandom, options);
  await host.start();
  return host;
};

/** Waits until the read models have everything that is in the log. */
export const caughtUp = async (
  host: ProjectionHost,
  log: EventLog,
  projections: readonly AnyProjection[],
): Promise<void> => {
  if (!(await host.reached(projections, await log.head(), 120_000)))
    throw new Error(`The read models did not get to the log's end: ${JSON.stringify(await host.status())}`);
};

/** Every document of a generation by tenant and id, as text. */
export const documentsOf = async (store: ReadStore, generation: string): Promise<Record<string, string>> => {
  const collection = await store.collection<Document>({ name: generation, indexes: [] });
  const found: Record<string, string> = {};
  for await (const { key, document } of collection.scan())
    found[`${key.tenant}/${key.id}`] = JSON.stringify(document);
  return found;
};

export const replayOf = (host: ProjectionHost, log: EventLog): Replay => ({
  log,
  clock: systemClock,
  maintenance: host.maintenance,
});
