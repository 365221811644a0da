import { aggregates } from '../../domain/audit/aggregates.js';
import type { TrailEntry } from '../../domain/audit/trail.js';
import { SYSTEM_TENANT } from '../../domain/ids.js';
import { CLIENT, personActing } from '../../domain/personal.js';
import type { Personal } from '../../domain/sealed.js';
import type { ClientOrigin } from '../../domain/provenance.js';
import type { RecordedEvent } from '../../eventstore/event-store.js';
import type { Document, IndexSpec } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** One record of somebody's act. What it says stands in its stream. */
export interface TrailDocument extends Document, Omit<TrailEntry, 'id' | 'position' | 'client'> {
  readonly actor_id: string;
  readonly client?: Personal<ClientOrigin>;
}

export const byTime: IndexSpec = { name: 'by_time', fields: ['at'] };
export const byActor: IndexSpec = { name: 'by_actor', fields: ['actor_id', 'at'] };

/** Every record but telemetry, by whose act it was; what belongs to no tenant stands with the operator. */
export const auditTrail = defineProjection<TrailDocument>({
  name: 'audit-trail',
  version: 1,
  // A checkpoint is nobody's act: it says that the log is what it is.
  reads: aggregates.filter(({ kind }) => kind !== 'seals').flatMap(({ types }) => types),
  whole: true,
  indexes: [byTime, byActor],
  personal: { fields: [CLIENT], person: ({ actor }) => personActing(actor) },
  parts: (event) => [{ tenant: event.metadata.tenant_id ?? SYSTEM_TENANT, id: event.id, part: event }],
  fold: (_, event, { id, position }) => ({ id, position, ...entryOf(event) }),
});

const entryOf = ({
  type,
  stream,
  revision,
  metadata,
}: RecordedEvent): Omit<TrailDocument, 'id' | 'position'> => {
  const { recorded_at, actor, origin, request_id, release, deployment_id, client } = metadata;
  return {
    at: recorded_at,
    outcome: 'done',
    actor,
    actor_id: actor.id,
    action: type,
    stream,
    revision,
    origin,
    request_id,
    release,
    ...(deployment_id !== undefined && { deployment_id }),
    ...(client && { client }),
  };
};
