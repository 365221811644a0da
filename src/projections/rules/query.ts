import type { TenantId } from '../../domain/ids.js';
import { pageOf, type Page, type Paging } from '../paging.js';
import type { ReadModels } from '../read-models.js';
import { byCreation, rules, type RuleDocument } from './projection.js';

export const getRule = (
  models: ReadModels,
  tenant: TenantId,
  id: string,
): Promise<RuleDocument | undefined> => models.read(rules, tenant).get(id);

/** The rules in the order of their making; undefined where `after` is no place among them. */
export const listRules = (
  models: ReadModels,
  tenant: TenantId,
  paging: Paging,
): Promise<Page<RuleDocument> | undefined> => pageOf(models, rules, tenant, { index: byCreation }, paging);
