import { advanceErasure, cutTelemetry } from '../../commands/erasure/cut-telemetry.js';
import type { CommandPipeline } from '../../commands/handle.js';
import {
  erasureDecider,
  erasureEventTypes,
  statementText,
  stillToCut,
  type Cut,
  type CutChunk,
  type ErasureEvent,
  type Erasures,
  type PersonField,
} from '../../domain/erasure/erasure.js';
import { publicId, type ErasureId, type EventId, type TenantId } from '../../domain/ids.js';
import { signNote, type NoteSigner } from '../../domain/integrity/signed-note.js';
import { readEvent } from '../../domain/stored-event.js';
import { erasuresStream } from '../../domain/streams.js';
import { processPrincipal } from '../../domain/tenancy/access.js';
import type { RecordDropping } from '../../eventstore/dropping.js';
import type { EventLog, Position, StreamName } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { uuidFrom } from '../../platform/uuid.js';
import { outcomeOf } from '../outcome.js';
import type { ReactionOutcome } from '../process.js';
import { findPerson, remembered, type FoundChunk } from './find-person.js';
import type { SearchProgress } from './search-progress.js';

/** The process manager's name in the provenance of what it writes. */
const RETENTION = 'retention';

/** Chunks that one record cuts at most. */
const MOST_CHUNKS = 500;
/** Ranges of numbers that one record names at most. */
const MOST_RANGES = 20_000;

/** Somebody asked for a person's telemetry to be erased. */
export interface DueErasure {
  readonly kind: 'erase';
  readonly tenant_id: TenantId;
  readonly erasure_id: ErasureId;
  readonly field: PersonField;
  readonly subject_hash: string;
  /** What is recorded up to here is meant. */
  readonly until: Position;
  readonly cause: Cause;
}

/** What was cut for an erasure is out of the files. */
export interface DueCompletion {
  readonly kind: 'complete';
  readonly tenant_id: TenantId;
  readonly erasure_id: ErasureId;
  readonly cause: Cause;
}

interface Cause {
  readonly event_id: EventId;
  readonly correlation_id: string;
}

export interface ErasingTools {
  readonly pipeline: Pick<CommandPipeline, 'execute'>;
  readonly log: Pick<EventLog, 'readAll' | 'readStream'>;
  /** Absent where a server keeps the log's files. */
  readonly files: Pick<RecordDropping, 'foresee'> | undefined;
  /** Tells whose pseudonyms are; absent where the log has none. */
  readonly pseudonyms?: { destroy(subject_hash: string): Promise<void> };
  /** Signs what it says; absent: nobody does. */
  readonly signer: NoteSigner | undefined;
  readonly pseudonym: (field: PersonField, value: string) => string;
  readonly clock: Clock;
  readonly isGuarded: () => boolean;
  readonly progress: SearchProgress;
}

/** Finds a person's events and cuts them out of their chunks. What a crash leaves is found again and gone on with. */
export const eraseTelemetry =
  (tools: ErasingTools) =>
  async (due: DueErasure, signal: AbortSignal): Promise<ReactionOutcome> => {
    const { log, clock, pseudonym, isGuarded, progress } = tools;
    const { tenant_id, erasure_id, field, subject_hash, until } = due;
    // Whoever looks through the whole log only to be refused would do so again and again.
    if (isGuarded()) return { outcome: 'guarded', detail: 'Nothing is cut while a deployment is under way.' };
    const erasure = (await erasuresOf(log, tenant_id)).erasures.get(erasure_id);
    if (erasure?.status !== 'requested') return { outcome: 'done' };
    const isMeant = remembered((value) => pseudonym(field, `${tenant_id}:${value}`) === subject_hash);
    let waiting: FoundChunk[] = [];
    let ranges = 0;
    let named_in = 0;
    const cutWaiting = async (): Promise<ReactionOutcome> => {
      const outcome = await cutFound(tools, due, waiting);
      waiting = [];
      ranges = 0;
      return outcome;
    };
    try {
      for await (const { found, position } of findPerson(log, clock, { tenant_id, field, isMeant }, until)) {
        if (signal.aborted) return { outcome: 'unavailable', detail: 'The process is to end.' };
        for (const chunk of found) {
          waiting.push(chunk);
          ranges += chunk.numbers.length;
          if (chunk.names) named_in += 1;
          if (waiting.length < MOST_CHUNKS && ranges < MOST_RANGES) continue;
          const outcome = await cutWaiting();
          if (outcome.outcome !== 'done') return outcome;
        }
        progress.reached(erasure_id, position, until);
      }
      const outcome = await cutWaiting();
      if (outcome.outcome !== 'done') return outcome;
      return await advance(tools, due, tools.files || named_in === 0 ? {} : { named_in });
    } finally {
      progress.end(erasure_id);
    }
  };

/**
 * Records that nothing is left to be taken away. Where a server keeps the files, what tells whose the events in them are
 * is destroyed before that is said; a crash in between destroys it again.
 */
export const completeTelemetryErasure =
  (tools: ErasingTools) =>
  async (due: DueCompletion): Promise<ReactionOutcome> => {
    const { files, pseudonyms, log, isGuarded } = tools;
    if (files || !pseudonyms) return advance(tools, due, { rewritten: files !== undefined });
    if (isGuarded())
      return { outcome: 'guarded', detail: 'Nothing is erased while a deployment is under way.' };
    const erasure = (await erasuresOf(log, due.tenant_id)).erasures.get(due.erasure_id);
    if (erasure?.status !== 'found') return { outcome: 'done' };
    await pseudonyms.destroy(erasure.subject_hash);
    return advance(tools, due, { rewritten: false, unlinked: erasure.named_in === undefined });
  };

/** A tenant's erasures as the log has them now. */
export const erasuresOf = async (log: Pick<EventLog, 'readStream'>, tenant: TenantId): Promise<Erasures> => {
  let erasures = erasureDecider.initial;
  for await (const record of log.readStream(erasuresStream(tenant) as StreamName)) {
    const event = readEvent<ErasureEvent>(erasureEventTypes, record);
    if (event) erasures = erasureDecider.evolve(erasures, event);
  }
  return erasures;
};

const contextOf = ({ tenant_id, cause }: DueErasure | DueCompletion) => ({
  principal: processPrincipal(RETENTION, tenant_id, 'tenant:admin'),
  origin: 'process_manager' as const,
  request_id: `${RETENTION}/${cause.event_id}`,
  correlation_id: cause.correlation_id,
  causation_id: cause.event_id,
});

const advance = async (
  { pipeline }: ErasingTools,
  due: DueErasure | DueCompletion,
  step: { readonly rewritten?: boolean; readonly unlinked?: boolean; readonly named_in?: number },
): Promise<ReactionOutcome> =>
  outcomeOf(await pipeline.execute(advanceErasure, { erasure_id: due.erasure_id, ...step }, contextOf(due)));

const cutFound = async (
  tools: ErasingTools,
  due: DueErasure,
  found: readonly FoundChunk[],
): Promise<ReactionOutcome> => {
  const { log, pipeline, files, signer, clock } = tools;
  const { tenant_id, erasure_id } = due;
  const erasures = await erasuresOf(log, tenant_id);
  const erasure = erasures.erasures.get(erasure_id);
  const due_chunks = found.flatMap(({ stream, revision, position, numbers }) => {
    const place = { stream, revision, position };
    const more = stillToCut(erasures, place, numbers);
    return more ? [{ ...place, ...more }] : [];
  });
  if (!erasure || due_chunks.length === 0) return { outcome: 'done' };
  const foreseen = await files?.foresee(due_chunks);
  const chunks = due_chunks.map((chunk, i): CutChunk => ({ ...chunk, ...foreseen?.[i] }));
  const places = JSON.stringify(chunks.map(({ position, indexes }) => [position, indexes]));
  const cut: Cut = {
    erasure_id,
    quarantine_id: publicId('quarantine', uuidFrom('erasure', erasure_id, places)),
    chunks,
    events: chunks.reduce((sum, { events }) => sum + events, 0),
    cut_at: new Date(clock.now()).toISOString(),
  };
  // Where a server keeps the files nothing is taken out of them, and there is nothing to vouch for.
  const signed = files && signer && { statement: signNote(statementText(tenant_id, erasure, cut), signer) };
  return outcomeOf(await pipeline.execute(cutTelemetry, { ...cut, ...signed }, contextOf(due)));
};
