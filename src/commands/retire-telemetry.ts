import { Type } from 'typebox';
import { retire } from '../domain/retention/retention.js';
import { retirementsStream, tenantStream } from '../domain/streams.js';
import { uuidFrom } from '../platform/uuid.js';
import { ownTenant } from './access/own-tenant.js';
import { defineCommand, done, refused } from './command.js';
import { retirementsSubject, tenantSubject } from './subjects.js';

const revision = Type.Integer({ minimum: 0 });
const text = Type.String({ maxLength: 64 });
const count = Type.Integer({ minimum: 1 });

/**
 * Retires chunks of telemetry that are older than their tenant keeps them: from this record on no read model shows
 * them. Named by what it retires, so that the same chunks are retired once.
 */
export const retireTelemetry = defineCommand({
  name: 'retire-telemetry',
  input: Type.Object(
    {
      days: count,
      before: text,
      records: Type.Record(Type.String(), Type.Array(Type.Tuple([revision, revision]))),
      chunks: count,
      events: count,
      earliest: text,
      latest: text,
      first_position: text,
      last_position: text,
      recorded_on: Type.Array(text, { minItems: 1 }),
      leaf_root: Type.Optional(text),
      statement: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  needs: 'tenant:admin',
  writes: 'domain',
  run: async (retired, transaction, { principal }) => {
    if (principal.actor.kind !== 'process')
      return refused('forbidden', 'forbidden', 'Telemetry is retired by the rule that its tenant has set.');
    const own = ownTenant(principal);
    if (!own.ok) return own;
    const { state: tenant } = await transaction.load(tenantStream(own.value), tenantSubject);
    if (tenant.state === 'none' || tenant.retention_days !== retired.days)
      return refused('conflict', 'retention_changed', 'Another retention was set meanwhile.');
    const named = JSON.stringify([own.value, retired.records]);
    const decided = await transaction.decide(
      retirementsStream(own.value),
      retirementsSubject,
      (retirements) => retire(retirements, retired),
      { event_id: () => uuidFrom('retired', named) },
    );
    return decided.ok ? done({}) : decided;
  },
});
