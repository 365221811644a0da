import type { TenantId } from '../../domain/ids.js';
import type { QuarantineStatus } from '../../domain/quarantine/quarantine.js';
import { pageOf, type Page, type Paging } from '../paging.js';
import type { ReadModels } from '../read-models.js';
import { byProposal, quarantines, type QuarantineDocument } from './projection.js';

export const getQuarantine = (
  models: ReadModels,
  tenant: TenantId,
  id: string,
): Promise<QuarantineDocument | undefined> => models.read(quarantines, tenant).get(id);

/** Quarantines, the last proposed first; undefined where `after` is no place among them. */
export const listQuarantines = (
  models: ReadModels,
  tenant: TenantId,
  wanted: { readonly status?: QuarantineStatus; readonly deployment_id?: string },
  paging: Paging,
): Promise<Page<QuarantineDocument> | undefined> =>
  pageOf(
    models,
    quarantines,
    tenant,
    {
      index: byProposal,
      order: 'descending',
      keep: ({ status, deployment_id }) =>
        (wanted.status === undefined || status === wanted.status) &&
        (wanted.deployment_id === undefined || deployment_id === wanted.deployment_id),
    },
    paging,
  );
