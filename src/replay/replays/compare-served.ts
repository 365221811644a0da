import type { EventLog, Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { Lane } from '../../projections/runner/lane.js';
import type { Maintenance } from '../../projections/runner/maintenance.js';
import { TimeSlice } from '../../projections/runner/time-slice.js';
import { keyText } from '../../projections/runner/document-cache.js';
import type { DocumentKey } from '../../readstore/read-store.js';
import { pairs } from '../compare.js';
import type { LogView } from '../log-view.js';
import type { DifferenceCount, Documents } from './differences.js';

const WAIT_MS = 100;
const LOADED_AT_ONCE = 1_000;

interface Comparison {
  readonly projection: string;
  readonly candidate: Lane;
  /** What the candidate is folded from. */
  readonly view: LogView;
  /** The documents to compare, of a collection. */
  readonly theirs: (documents: Documents) => ReturnType<Documents['scan']>;
  readonly count: DifferenceCount;
  readonly signal: AbortSignal;
}

interface ReplayTools {
  readonly log: Pick<EventLog, 'head'>;
  readonly maintenance: Maintenance;
  readonly clock: Clock;
}

/**
 * Compares with documents that are being served and go on changing. What has not changed since the candidate's
 * position is compared while it is served; for what has, little by then, the read model rests for a moment at one
 * position, still served. Ends early where the signal aborts.
 */
export const compareServed = async (
  { maintenance, clock, log }: ReplayTools,
  { projection, candidate, view, theirs, count, signal }: Comparison,
): Promise<void> => {
  const served = await servedAt(maintenance, clock, projection, candidate.position, signal);
  if (!served) return;
  const moved: DocumentKey[] = [];
  const { position } = candidate;
  const slice = new TimeSlice(clock);
  for await (const { here, there } of pairs(theirs(served.documents), theirs(candidate.documents))) {
    if (signal.aborted) return;
    const key = (here ?? there)?.key;
    // What the candidate alone has may have been deleted since.
    if (key && (!here || here.document.position > position)) moved.push(key);
    else if (key) count.add(key, here?.document, there?.document);
    if (slice.over) await slice.rest();
  }
  if (maintenance.served(projection) !== served)
    throw new Error(`${projection} was rebuilt while it was compared; start the replay again.`);
  // To where the log ends now: who writes faster than this folds shall not keep it from its end.
  await maintenance.follow([candidate], { log: view, signal, until: await log.head() });
  while (!signal.aborted) {
    const compared = await maintenance.exclusively([projection], () =>
      maintenance.whileHeld(projection, async (held) => {
        const until = held.as_of > candidate.as_of ? held.as_of : candidate.as_of;
        await maintenance.follow([held], { until });
        await maintenance.follow([candidate], { log: view, until });
        for (let from = 0; from < moved.length; from += LOADED_AT_ONCE) {
          const keys = moved.slice(from, from + LOADED_AT_ONCE);
          const [here, there] = [await loaded(held.documents, keys), await loaded(candidate.documents, keys)];
          for (const key of keys) {
            const [one, other] = [here.get(keyText(key)), there.get(keyText(key))];
            if (one ?? other) count.add(key, one, other);
          }
        }
        return true;
      }),
    );
    if (compared) return;
    await clock.sleep(WAIT_MS, signal);
  }
};

/** The served lane, once it has got as far as the candidate; undefined where the signal aborts. */
const servedAt = async (
  maintenance: Maintenance,
  clock: Clock,
  projection: string,
  position: Position,
  signal: AbortSignal,
): Promise<Lane | undefined> => {
  while (!signal.aborted) {
    const lane = maintenance.served(projection);
    if (lane && lane.position >= position) return lane;
    await clock.sleep(WAIT_MS, signal);
  }
  return undefined;
};

const loaded = async (documents: Documents, keys: readonly DocumentKey[]) =>
  new Map((await documents.load(keys)).map(({ key, document }) => [keyText(key), document] as const));
