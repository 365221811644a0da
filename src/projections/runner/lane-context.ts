import type { EventLog } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { ReadStore } from '../../readstore/read-store.js';
import type { Ahead } from '../decoding/decoding-threads.js';
import type { CacheBounds } from './document-cache.js';

/** What the generations of all projections share. */
export interface LaneContext {
  readonly log: Pick<EventLog, 'readStream' | 'readAll' | 'head'>;
  readonly store: ReadStore;
  readonly clock: Clock;
  /** Makes ready what is read of the log, before it is folded. */
  readonly ahead?: Ahead | undefined;
  /** Unique to this run: whose checkpoints these are. */
  readonly owner: string;
  readonly cache: CacheBounds;
  /** Carries out an operation of the read store, again and again where the store is away. */
  readonly attempt: <T>(operation: () => Promise<T>) => Promise<T>;
}
