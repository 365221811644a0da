import { Baseline, SUSPICIOUS, type Suspicion, type TimedEvent } from '../../domain/detection/content.js';
import type { Legitimacy, Verdict } from '../../domain/detection/legitimacy/rules.js';
import { declared, scoreOf } from '../../domain/detection/reason.js';
import type { DeploymentWindow } from '../../domain/detection/structure.js';
import type { TenantId } from '../../domain/ids.js';
import { telemetryId } from '../../domain/telemetry/address.js';
import { decodeChunk, numberIn, TELEMETRY_RECORDED } from '../../domain/telemetry/chunk.js';
import { RouteBook } from '../../domain/telemetry/routes/book.js';
import { START, type EventLog, type Position, type RecordedEvent } from '../../eventstore/event-store.js';

/** A telemetry event whose content looks made up, or as nothing before did. */
export interface SuspectedEvent extends Suspicion {
  readonly event_id: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  readonly index: number;
  /** What the tenant's rules say of it; absent: nothing. */
  readonly verdict?: Verdict;
}

/** Events of a window that are looked at; of more, the first. */
const MOST_EVENTS = 200_000;

/**
 * Looks at what the telemetry of a tenant in a deployment's window says, against what its telemetry was like before
 * and the tenant's rules. It only suggests: people decide. What is suspicious and a rule declares legitimate is named,
 * too, with a score below {@link SUSPICIOUS}. `log` is without what is set aside. `all`: whether every event of the
 * window was looked at.
 */
export const suspectedIn = async (
  log: Pick<EventLog, 'readAll'>,
  { begin, end }: DeploymentWindow,
  tenant: TenantId,
  legitimacy: Legitimacy,
): Promise<{ readonly suspected: readonly SuspectedEvent[]; readonly all: boolean }> => {
  const baseline = new Baseline();
  const events: (TimedEvent & { readonly stored: RecordedEvent; readonly index: number })[] = [];
  let all = true;
  walk: for await (const batch of log.readAll(START, { types: [TELEMETRY_RECORDED] }))
    for (const stored of batch.events) {
      if (end !== undefined && stored.position > end) break walk;
      if (stored.metadata.tenant_id !== tenant) continue;
      const inside = stored.position > begin;
      const chunk = decodeChunk(stored, RouteBook.EMPTY);
      for (const [n, event] of chunk.events.entries()) {
        const time = chunk.times[n] ?? 0;
        if (!inside) baseline.learn({ event, time });
        else if (events.length < MOST_EVENTS)
          events.push({ event, time, stored, index: numberIn(stored, n) });
        else all = false;
      }
      if (!all) break walk;
    }
  const suspected = baseline.assess(events).flatMap((suspicion, i): readonly SuspectedEvent[] => {
    const at = events[i];
    if (!at) return [];
    const { id, stream, revision, position, type, metadata } = at.stored;
    const judgement = legitimacy.judge({ type, stream, metadata, data: at.event });
    if (suspicion.score < SUSPICIOUS && judgement?.verdict !== 'illegitimate') return [];
    const reasons = judgement ? [...suspicion.reasons, declared(judgement)] : suspicion.reasons;
    return [
      {
        ...{ reasons, score: scoreOf(reasons), event_id: telemetryId(id, at.index) },
        ...{ stream, revision, position, index: at.index },
        ...(judgement && { verdict: judgement.verdict }),
      },
    ];
  });
  return { suspected, all };
};
