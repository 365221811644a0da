import { Type } from 'typebox';
import { approve, release } from '../../domain/quarantine/quarantine.js';
import { quarantineStream } from '../../domain/streams.js';
import { defineCommand, done } from '../command.js';
import { PublicId, readId } from '../public-id.js';
import { quarantinesSubject } from '../subjects.js';
import { actingFor } from './acting-for.js';

/** A command that decides about a quarantine there is. */
const deciding = (name: string, decision: typeof approve) =>
  defineCommand({
    name,
    input: Type.Object(
      {
        tenant_id: Type.Optional(PublicId),
        quarantine_id: PublicId,
        note: Type.Optional(Type.String({ maxLength: 2000 })),
      },
      { additionalProperties: false },
    ),
    needs: 'quarantine',
    writes: 'domain',
    run: async ({ tenant_id, quarantine_id, note }, transaction, context) => {
      const tenant = actingFor(tenant_id, context, transaction);
      if (!tenant.ok) return tenant;
      const id = readId('quarantine', quarantine_id);
      if (!id.ok) return id;
      const act = {
        quarantine_id: id.value,
        by: context.principal.actor,
        ...(note !== undefined && { note }),
      };
      const decided = await transaction.decide(
        quarantineStream(tenant.value),
        quarantinesSubject,
        (quarantines) => decision(quarantines, act),
      );
      if (!decided.ok) return decided;
      transaction.services.quarantines.forget(tenant.value);
      return done({ tenant_id: tenant.value, quarantine_id: id.value });
    },
  });

/** Sets aside what was proposed. */
export const approveQuarantine = deciding('approve-quarantine', approve);

/** Brings back what was set aside, or takes back a proposal. */
export const releaseQuarantine = deciding('release-quarantine', release);
