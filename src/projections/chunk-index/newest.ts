import type { TenantId } from '../../domain/ids.js';
import type { ReadModels } from '../read-models.js';
import { chunkIndex, SPAN_CLASSES_MS } from './projection.js';

/** When a tenant's newest event happened; nothing where there is none. */
export const newestEvent = async (
  models: ReadModels,
  tenant: TenantId,
): Promise<{ readonly newest?: string }> => {
  const reader = models.read(chunkIndex, tenant);
  const latest = await Promise.all(
    SPAN_CLASSES_MS.map((_, span) =>
      reader.find({ index: 'by_time', equals: [span], order: 'descending', limit: 1 }),
    ),
  );
  const newest = Math.max(...latest.flat().map(({ max_time }) => max_time));
  return Number.isFinite(newest) ? { newest: new Date(newest).toISOString() } : {};
};
