import type { TenantId } from '../../domain/ids.js';
import { pageOf, type Page, type Paging } from '../paging.js';
import type { ReadModels } from '../read-models.js';
import { apiKeys, byCreation, type ApiKeyDocument } from './projection.js';

export const getApiKey = (
  models: ReadModels,
  tenant: TenantId,
  id: string,
): Promise<ApiKeyDocument | undefined> => models.read(apiKeys, tenant).get(id);

/** A tenant's keys in the order of their making, revoked ones too; undefined where `after` is no place among them. */
export const listApiKeys = (
  models: ReadModels,
  tenant: TenantId,
  paging: Paging,
): Promise<Page<ApiKeyDocument> | undefined> =>
  pageOf(models, apiKeys, tenant, { index: byCreation }, paging);
