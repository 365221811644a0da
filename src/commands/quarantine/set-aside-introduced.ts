import { Type } from 'typebox';
import { countRecords } from '../../domain/quarantine/held.js';
import { approve, propose } from '../../domain/quarantine/quarantine.js';
import { quarantineStream } from '../../domain/streams.js';
import { defineCommand, done } from '../command.js';
import { PublicId, readId } from '../public-id.js';
import { quarantinesSubject } from '../subjects.js';
import { actingFor } from './acting-for.js';
import { MAX_RECORDS, QuarantinedRecords } from './records.js';

/**
 * Sets aside what a deployment introduced, as part of the deployment: goes through the guard that the deployment
 * holds up. Where two people are asked for, it is proposed, and a person approves it. The same deployment's records
 * under the same number again change nothing.
 */
export const setAsideIntroduced = defineCommand({
  name: 'set-aside-introduced',
  input: Type.Object(
    {
      tenant_id: PublicId,
      deployment_id: PublicId,
      quarantine_id: PublicId,
      reason: Type.String({ minLength: 1, maxLength: 2000 }),
      records: QuarantinedRecords(MAX_RECORDS),
      two_people: Type.Boolean(),
    },
    { additionalProperties: false },
  ),
  needs: 'deploy',
  writes: 'deployment',
  run: async (
    { tenant_id, deployment_id, quarantine_id, reason, records, two_people },
    transaction,
    context,
  ) => {
    const tenant = actingFor(tenant_id, context, transaction);
    if (!tenant.ok) return tenant;
    const deployment = readId('deployment', deployment_id);
    if (!deployment.ok) return deployment;
    const id = readId('quarantine', quarantine_id);
    if (!id.ok) return id;
    const by = context.principal.actor;
    const stream = quarantineStream(tenant.value);
    const proposal = {
      quarantine_id: id.value,
      reason,
      deployment_id: deployment.value,
      records,
      ...(two_people && { two_people }),
    };
    const proposed = await transaction.decide(stream, quarantinesSubject, (quarantines) =>
      propose(quarantines, proposal, by),
    );
    if (!proposed.ok) return proposed;
    let { state } = proposed.value;
    if (!two_people) {
      const approved = await transaction.decide(stream, quarantinesSubject, (quarantines) =>
        approve(quarantines, { quarantine_id: id.value, by }),
      );
      if (!approved.ok) return approved;
      ({ state } = approved.value);
    }
    transaction.services.quarantines.forget(tenant.value);
    return done({
      tenant_id: tenant.value,
      quarantine_id: id.value,
      status: state.get(id.value)?.status ?? 'proposed',
      records: countRecords(records),
    });
  },
});
