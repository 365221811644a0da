import type { TenantId } from '../../domain/ids.js';
import { nextDay } from '../../domain/retention/retention.js';
import { chunkIndex, SPAN_CLASSES_MS, type ChunkEntry } from '../../projections/chunk-index/projection.js';
import type { ReadModels } from '../../projections/read-models.js';

/** Chunks that one record retires at most: what follows from it is done in one go. */
const MOST_CHUNKS = 1_000;

/** Chunks that may be retired together. */
export interface Retirable {
  readonly chunks: readonly ChunkEntry[];
  /** Epoch milliseconds, a midnight in UTC: all of their events happened before it. */
  readonly before: number;
}

/**
 * A tenant's oldest chunks, of one day by their latest events; undefined where every chunk has events from `before` on.
 * A chunk is retired as a whole, once its latest event is too old.
 */
export const oldestRetirable = async (
  models: ReadModels,
  tenant: TenantId,
  before: number,
): Promise<Retirable | undefined> => {
  const reader = models.read(chunkIndex, tenant);
  const oldestUpTo = async (time: number, limit: number): Promise<readonly ChunkEntry[]> => {
    const found = await Promise.all(
      SPAN_CLASSES_MS.map((_, span) =>
        reader.find({ index: 'by_time', equals: [span], range: { to: time - 1 }, limit }),
      ),
    );
    return found.flat().sort((one, other) => one.max_time - other.max_time);
  };
  const [oldest] = await oldestUpTo(before, 1);
  if (!oldest) return undefined;
  const end = Math.min(before, nextDay(oldest.max_time));
  return { chunks: (await oldestUpTo(end, MOST_CHUNKS)).slice(0, MOST_CHUNKS), before: end };
};

const PAGE = 1_000;

/** How much of a tenant's telemetry may be retired. */
export const countRetirable = async (
  models: ReadModels,
  tenant: TenantId,
  before: number,
): Promise<{ readonly chunks: number; readonly events: number }> => {
  const reader = models.read(chunkIndex, tenant);
  let chunks = 0;
  let events = 0;
  for (const span of SPAN_CLASSES_MS.keys())
    for (let last: ChunkEntry | undefined; ;) {
      const page = await reader.find({
        index: 'by_time',
        equals: [span],
        range: { to: before - 1 },
        ...(last && { after: { values: [span, last.max_time], id: last.id } }),
        limit: PAGE,
      });
      chunks += page.length;
      events += page.reduce((sum, { count }) => sum + count, 0);
      last = page.at(-1);
      if (page.length < PAGE) break;
    }
  return { chunks, events };
};
