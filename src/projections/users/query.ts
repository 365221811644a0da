import type { TenantId } from '../../domain/ids.js';
import { pageOf, type Page, type Paging } from '../paging.js';
import type { ReadModels } from '../read-models.js';
import { byCreation, users, type UserDocument } from './projection.js';

export const getUser = (
  models: ReadModels,
  tenant: TenantId,
  id: string,
): Promise<UserDocument | undefined> => models.read(users, tenant).get(id);

/** The people of a tenant in the order in which they came; undefined where `after` is no place among them. */
export const listUsers = (
  models: ReadModels,
  tenant: TenantId,
  paging: Paging,
): Promise<Page<UserDocument> | undefined> => pageOf(models, users, tenant, { index: byCreation }, paging);
