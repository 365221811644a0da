import type { DeploymentId, QuarantineId } from '../../domain/ids.js';
import type { Actor } from '../../domain/provenance.js';
import {
  quarantineEventTypes,
  type QuarantinedRecord,
  type QuarantineEvent,
  type QuarantineStatus,
} from '../../domain/quarantine/quarantine.js';
import { readEvent } from '../../domain/stored-event.js';
import type { Document, IndexSpec } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** One thing that somebody did with a quarantine. */
export interface QuarantineAct {
  readonly status: QuarantineStatus | 'partly_released';
  readonly by: Actor;
  readonly at: string;
  readonly note?: string;
}

/** A quarantine with all that became of it, the oldest first. */
export interface QuarantineDocument extends Document {
  readonly status: QuarantineStatus;
  readonly reason: string;
  readonly deployment_id?: DeploymentId;
  readonly two_people: boolean;
  readonly records: readonly QuarantinedRecord[];
  /** What of it came back while the rest stayed set aside. */
  readonly released?: readonly QuarantinedRecord[];
  readonly proposed_at: string;
  readonly acts: readonly QuarantineAct[];
}

interface QuarantinePart {
  readonly event: QuarantineEvent;
  readonly at: string;
}

export const byProposal: IndexSpec = { name: 'by_proposal', fields: ['proposed_at'] };

const statuses: Readonly<Record<QuarantineEvent['type'], QuarantineAct['status']>> = {
  QuarantineProposed: 'proposed',
  QuarantineApproved: 'approved',
  QuarantineReleased: 'released',
  QuarantinePartlyReleased: 'partly_released',
  QuarantineWithdrawn: 'withdrawn',
};

/** What is, was or may be set aside of each tenant's. */
export const quarantines = defineProjection<QuarantineDocument, QuarantinePart>({
  name: 'quarantines',
  version: 1,
  reads: quarantineEventTypes,
  history: 'stream',
  indexes: [byProposal],
  parts: (recorded) => {
    const event = readEvent<QuarantineEvent>(quarantineEventTypes, recorded);
    const { tenant_id: tenant, recorded_at: at } = recorded.metadata;
    if (!event || tenant === undefined) return [];
    return [{ tenant, id: event.data.quarantine_id satisfies QuarantineId, part: { event, at } }];
  },
  fold: (document, { event, at }, { id, position }) => {
    const status = statuses[event.type];
    const note = 'note' in event.data ? event.data.note : undefined;
    const act: QuarantineAct = { status, by: event.data.by, at, ...(note !== undefined && { note }) };
    if (event.type === 'QuarantineProposed') {
      const { reason, deployment_id, records, two_people = false } = event.data;
      return {
        ...{ id, position, status: 'proposed', reason, two_people, records, proposed_at: at, acts: [act] },
        ...(deployment_id !== undefined && { deployment_id }),
      };
    }
    if (!document) throw new Error('a quarantine was decided about that had not been proposed');
    const acts = [...document.acts, act];
    if (status !== 'partly_released') return { ...document, position, status, acts };
    const more = 'records' in event.data ? event.data.records : [];
    return { ...document, position, acts, released: [...(document.released ?? []), ...more] };
  },
});
