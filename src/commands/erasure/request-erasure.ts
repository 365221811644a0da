import { Type } from 'typebox';
import { personFields, requestErasure } from '../../domain/erasure/erasure.js';
import { erasuresStream } from '../../domain/streams.js';
import { defineCommand, done } from '../command.js';
import { PublicId } from '../public-id.js';
import { actingFor } from '../quarantine/acting-for.js';
import { erasuresSubject } from '../subjects.js';

/** Whose telemetry is meant: the value of one of the fields that say so. */
export const PersonNamed = {
  field: Type.Enum([...personFields]),
  value: Type.String({ minLength: 1, maxLength: 1024 }),
};

/** Asks for all telemetry of a person to be erased that is recorded before the request is. */
export const requestTelemetryErasure = defineCommand({
  name: 'request-telemetry-erasure',
  input: Type.Object(
    {
      tenant_id: Type.Optional(PublicId),
      ...PersonNamed,
      reason: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
    },
    { additionalProperties: false },
  ),
  needs: 'erase',
  writes: 'domain',
  run: async ({ tenant_id, field, value, reason }, transaction, context) => {
    const tenant = actingFor(tenant_id, context, transaction);
    if (!tenant.ok) return tenant;
    const wish = {
      erasure_id: transaction.newId('erasure'),
      field,
      subject_hash: transaction.services.pseudonym(field, `${tenant.value}:${value}`),
      ...(reason !== undefined && { reason }),
    };
    const requested = await transaction.decide(erasuresStream(tenant.value), erasuresSubject, (erasures) =>
      requestErasure(erasures, wish, context.principal.actor),
    );
    return requested.ok ? done({ tenant_id: tenant.value, erasure_id: wish.erasure_id }) : requested;
  },
});
