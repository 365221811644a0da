import type { TenantId } from '../../domain/ids.js';
import { NO_USAGE, type Usage } from '../../domain/tenancy/usage.js';
import type { Position } from '../../eventstore/event-store.js';
import { pageOf, type Page, type Paging } from '../paging.js';
import type { ReadModels } from '../read-models.js';
import { byDay, usage, type UsageDocument } from './projection.js';

/** What a tenant stored on a day, all up to a position and nothing behind it. */
export const usageOf = async (
  models: ReadModels,
  tenant: TenantId,
  day: string,
): Promise<{ readonly used: Usage; readonly position: Position }> => {
  // Asked for before the document is: it then has all that is before.
  const reached = models.position(usage);
  const document = await models.read(usage, tenant).get(day);
  if (!document) return { used: NO_USAGE, position: reached };
  const { events, bytes, position } = document;
  return { used: { events, bytes }, position: position > reached ? position : reached };
};

/** A tenant's days on which it stored something, the newest first; undefined where `after` is no place among them. */
export const listUsage = (
  models: ReadModels,
  tenant: TenantId,
  paging: Paging,
): Promise<Page<UsageDocument> | undefined> =>
  pageOf(models, usage, tenant, { index: byDay, order: 'descending' }, paging);
