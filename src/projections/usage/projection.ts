import { retirementIn, TELEMETRY_RETIRED } from '../../domain/retention/retention.js';
import { retirementsStream } from '../../domain/streams.js';
import { telemetryStreams } from '../../domain/telemetry/address.js';
import { TELEMETRY_RECORDED, textBytesOf } from '../../domain/telemetry/stored-chunk.js';
import { addUsage, lessUsage, NO_USAGE, type Usage } from '../../domain/tenancy/usage.js';
import type { Document, IndexSpec } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** What a tenant stored on a UTC day, by when it was recorded. Its id is the day: `2026-03-01`. */
export interface UsageDocument extends Document, Usage {
  readonly day: string;
}

export const byDay: IndexSpec = { name: 'by_day', fields: ['day'] };

/**
 * What is counted against quotas. Days on which something was recorded that is retired by now are forgotten as a whole:
 * nobody can tell any more how much of them it was. Of a chunk its header is enough, so nothing is decoded.
 */
export const usage = defineProjection<UsageDocument, Usage>({
  name: 'usage',
  version: 2,
  reads: [TELEMETRY_RECORDED, TELEMETRY_RETIRED],
  history: { prefix: telemetryStreams },
  also_in: (tenant) => [retirementsStream(tenant)],
  indexes: [byDay],
  parts: (event) => {
    const { tenant_id: tenant, recorded_at, chunk } = event.metadata;
    if (tenant === undefined || event.type !== TELEMETRY_RECORDED) return [];
    const part = { events: chunk?.count ?? 0, bytes: textBytesOf(event) };
    return [{ tenant, id: recorded_at.slice(0, 10), part }];
  },
  sweeps: (event) => {
    const retired = retirementIn(event);
    if (!retired) return [];
    const { tenant, recorded_on } = retired;
    return recorded_on.map((day) => ({
      tenant,
      index: byDay.name,
      equals: [],
      range: { from: day, to: day },
    }));
  },
  fold: (document, part, { id, position }) => ({
    id,
    position,
    day: id,
    ...addUsage(document ?? NO_USAGE, part),
  }),
  amend: (document, { leaves, returns }, { id, position }) => {
    const { events, bytes } = returns.reduce(addUsage, leaves.reduce(lessUsage, document ?? NO_USAGE));
    if (events < 0 || bytes < 0) return 'anew';
    return { document: events === 0 ? undefined : { id, position, day: id, events, bytes } };
  },
});
