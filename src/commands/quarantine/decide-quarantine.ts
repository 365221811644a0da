import { Type, type Static } from 'typebox';
import type { Decision } from '../../domain/decider.js';
import {
  approve,
  release,
  releaseSome,
  type QuarantinedRecord,
  type QuarantineEvent,
  type Quarantines,
} from '../../domain/quarantine/quarantine.js';
import { quarantineStream } from '../../domain/streams.js';
import { defineCommand, done, type CommandContext, type Transaction } from '../command.js';
import { PublicId, readId } from '../public-id.js';
import { guarded } from '../refusals.js';
import { quarantinesSubject } from '../subjects.js';
import { actingFor } from './acting-for.js';
import { MAX_RECORDS, QuarantinedRecords } from './records.js';

const Input = Type.Object(
  {
    tenant_id: Type.Optional(PublicId),
    quarantine_id: PublicId,
    note: Type.Optional(Type.String({ maxLength: 2000 })),
    /** Of a release: some of the quarantine's records, which the caller has found in the log; absent: all. */
    records: Type.Optional(QuarantinedRecords(MAX_RECORDS)),
  },
  { additionalProperties: false },
);
type Input = Static<typeof Input>;

type Decide = (
  quarantines: Quarantines,
  act: Parameters<typeof approve>[1],
  records: readonly QuarantinedRecord[] | undefined,
) => Decision<QuarantineEvent>;

/** Decides about a quarantine there is. */
const deciding =
  (decision: Decide) =>
  async (
    { tenant_id, quarantine_id, note, records }: Input,
    transaction: Transaction,
    context: CommandContext,
  ) => {
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
      (quarantines) => decision(quarantines, act, records),
    );
    if (!decided.ok) return decided;
    transaction.services.quarantines.forget(tenant.value);
    return done({ tenant_id: tenant.value, quarantine_id: id.value });
  };

/** The deployment that introduced what a quarantine sets aside, where there is one. */
const deploymentOf = async (
  { tenant_id, quarantine_id }: Input,
  transaction: Transaction,
  context: CommandContext,
): Promise<string | undefined> => {
  const tenant = actingFor(tenant_id, context, transaction);
  const id = readId('quarantine', quarantine_id);
  if (!tenant.ok || !id.ok) return undefined;
  const { state } = await transaction.load(quarantineStream(tenant.value), quarantinesSubject);
  return state.get(id.value)?.deployment_id;
};

const approving = deciding(approve);

/**
 * Sets aside what was proposed. Of what the deployment under way introduced that goes through the guard, which stays up
 * until it is done.
 */
export const approveQuarantine = defineCommand({
  name: 'approve-quarantine',
  input: Input,
  needs: 'quarantine',
  writes: 'domain',
  run: approving,
  underGuard: async (input, transaction, { deployment_id }, context) =>
    deployment_id !== undefined && (await deploymentOf(input, transaction, context)) === deployment_id
      ? approving(input, transaction, context)
      : { ok: false, refusal: guarded },
  writesUnderGuard: 'deployment',
});

/** Brings back what was set aside, or some of it, or takes back a proposal. */
export const releaseQuarantine = defineCommand({
  name: 'release-quarantine',
  input: Input,
  needs: 'quarantine',
  writes: 'domain',
  run: deciding((quarantines, act, records) =>
    records ? releaseSome(quarantines, { ...act, records }) : release(quarantines, act),
  ),
});
