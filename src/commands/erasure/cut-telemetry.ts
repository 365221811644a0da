import { Type } from 'typebox';
import { completeErasure, concludeSearch, cutChunks, type Cut } from '../../domain/erasure/erasure.js';
import { approve, propose } from '../../domain/quarantine/quarantine.js';
import type { TenantId } from '../../domain/ids.js';
import { TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import { erasuresStream, quarantineStream } from '../../domain/streams.js';
import { uuidFrom } from '../../platform/uuid.js';
import { ownTenant } from '../access/own-tenant.js';
import { defineCommand, done, refused, type CommandContext, type Step } from '../command.js';
import { PublicId, readId } from '../public-id.js';
import { erasuresSubject, quarantinesSubject } from '../subjects.js';

const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Chunk = Type.Object(
  {
    stream: Type.String({ minLength: 1, maxLength: 512 }),
    revision: Whole,
    position: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    indexes: Type.Array(Type.Tuple([Whole, Whole]), { minItems: 1 }),
    events: Type.Integer({ minimum: 1 }),
    leaf: Type.Optional(Hash),
    left: Type.Optional(Type.Union([Hash, Type.Null()])),
  },
  { additionalProperties: false },
);

/** What a process manager decides about an erasure that somebody asked for. */
const byProcess = ({ principal }: CommandContext): Step<TenantId> =>
  principal.actor.kind === 'process'
    ? ownTenant(principal)
    : refused('forbidden', 'forbidden', 'What is cut follows from what somebody asked for.');

/**
 * Cuts events out of chunks. From the first record on nobody is shown them, nor will be: they are set aside for good.
 * The second says what is cut, and from it the files follow. The same cut twice is the same as once.
 */
export const cutTelemetry = defineCommand({
  name: 'cut-telemetry',
  input: Type.Object(
    {
      erasure_id: PublicId,
      quarantine_id: PublicId,
      chunks: Type.Array(Chunk, { minItems: 1 }),
      events: Type.Integer({ minimum: 1 }),
      cut_at: Type.String({ maxLength: 64 }),
      statement: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  needs: 'tenant:admin',
  writes: 'domain',
  run: async (input, transaction, context) => {
    const tenant = byProcess(context);
    if (!tenant.ok) return tenant;
    const erasure_id = readId('erasure', input.erasure_id);
    if (!erasure_id.ok) return erasure_id;
    const quarantine_id = readId('quarantine', input.quarantine_id);
    if (!quarantine_id.ok) return quarantine_id;
    const by = context.principal.actor;
    const proposal = {
      quarantine_id: quarantine_id.value,
      reason: 'erased',
      erasure_id: erasure_id.value,
      records: input.chunks.map(({ stream, revision, position, indexes }) => ({
        ...{ stream, revision, position, indexes },
        type: TELEMETRY_RECORDED,
      })),
    };
    const stream = quarantineStream(tenant.value);
    for (const decision of [
      (quarantines: Parameters<typeof propose>[0]) => propose(quarantines, proposal, by),
      (quarantines: Parameters<typeof approve>[0]) =>
        approve(quarantines, { quarantine_id: quarantine_id.value, by }),
    ]) {
      const decided = await transaction.decide(stream, quarantinesSubject, decision);
      if (!decided.ok) return decided;
    }
    transaction.services.quarantines.forget(tenant.value);
    const cut: Cut = { ...input, erasure_id: erasure_id.value, quarantine_id: quarantine_id.value };
    const decided = await transaction.decide(
      erasuresStream(tenant.value),
      erasuresSubject,
      (erasures) => cutChunks(erasures, cut),
      { event_id: () => uuidFrom('cut', cut.erasure_id, cut.quarantine_id) },
    );
    return decided.ok ? done({}) : decided;
  },
});

/** Says how far an erasure has come: everything was cut that was meant, or the files hold nothing of it any more. */
export const advanceErasure = defineCommand({
  name: 'advance-erasure',
  input: Type.Object(
    {
      erasure_id: PublicId,
      /** Absent: the search has ended. Otherwise whether the files were rewritten. */
      rewritten: Type.Optional(Type.Boolean()),
      unlinked: Type.Optional(Type.Boolean()),
      named_in: Type.Optional(Whole),
    },
    { additionalProperties: false },
  ),
  needs: 'tenant:admin',
  writes: 'domain',
  run: async ({ erasure_id, rewritten, unlinked, named_in }, transaction, context) => {
    const tenant = byProcess(context);
    if (!tenant.ok) return tenant;
    const id = readId('erasure', erasure_id);
    if (!id.ok) return id;
    const decided = await transaction.decide(erasuresStream(tenant.value), erasuresSubject, (erasures) =>
      rewritten === undefined
        ? concludeSearch(erasures, { erasure_id: id.value, ...(named_in !== undefined && { named_in }) })
        : completeErasure(erasures, {
            ...{ erasure_id: id.value, rewritten },
            ...(unlinked !== undefined && { unlinked }),
          }),
    );
    return decided.ok ? done({}) : decided;
  },
});
