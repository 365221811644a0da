import { Type } from 'typebox';
import { propose } from '../../domain/quarantine/quarantine.js';
import { quarantineStream } from '../../domain/streams.js';
import { defineCommand, done } from '../command.js';
import { PublicId, readId } from '../public-id.js';
import { quarantinesSubject } from '../subjects.js';
import { actingFor } from './acting-for.js';
import { MAX_RECORDS, QuarantinedRecords } from './records.js';

/** Proposes to set records aside, which the caller has found in the log. */
export const proposeQuarantine = defineCommand({
  name: 'propose-quarantine',
  input: Type.Object(
    {
      tenant_id: Type.Optional(PublicId),
      reason: Type.String({ minLength: 1, maxLength: 2000 }),
      deployment_id: Type.Optional(PublicId),
      records: QuarantinedRecords(MAX_RECORDS),
      /** Whether another person has to approve it. */
      two_people: Type.Boolean(),
    },
    { additionalProperties: false },
  ),
  needs: 'quarantine',
  writes: 'domain',
  run: async ({ tenant_id, reason, deployment_id, records, two_people }, transaction, context) => {
    const tenant = actingFor(tenant_id, context, transaction);
    if (!tenant.ok) return tenant;
    const deployment = deployment_id === undefined ? undefined : readId('deployment', deployment_id);
    if (deployment && !deployment.ok) return deployment;
    const quarantine_id = transaction.newId('quarantine');
    const proposal = {
      quarantine_id,
      reason,
      ...(deployment && { deployment_id: deployment.value }),
      records,
      ...(two_people && { two_people }),
    };
    const { actor } = context.principal;
    const proposed = await transaction.decide(
      quarantineStream(tenant.value),
      quarantinesSubject,
      (quarantines) => propose(quarantines, proposal, actor),
    );
    if (!proposed.ok) return proposed;
    transaction.services.quarantines.forget(tenant.value);
    return done({ tenant_id: tenant.value, quarantine_id });
  },
});
