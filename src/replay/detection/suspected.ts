import {
  SUSPICIOUS,
  type Baseline,
  type Suspicion,
  type TimedEvent,
} from '../../domain/detection/content.js';
import type { Legitimacy, Verdict } from '../../domain/detection/legitimacy/rules.js';
import { declared, scoreOf } from '../../domain/detection/reason.js';
import type { DeploymentWindow } from '../../domain/detection/structure.js';
import type { TenantId } from '../../domain/ids.js';
import { telemetryId } from '../../domain/telemetry/address.js';
import { numberIn, receiptOf, TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import type { TelemetryEvent } from '../../domain/telemetry/event.js';
import { timeOf } from '../../domain/telemetry/time.js';
import type { EventLog, Position, RecordedEvent } from '../../eventstore/event-store.js';
import { contentsOf } from './contents.js';

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

type TelemetryLog = Pick<EventLog, 'readAll'>;

/** A tenant's telemetry between two positions, the first left out; to the log's end where there is no last. */
async function* telemetryOf(
  log: TelemetryLog,
  tenant: TenantId,
  after: Position,
  before: string | undefined,
): AsyncGenerator<{ readonly stored: RecordedEvent; readonly events: readonly TimedEvent[] }, void> {
  for await (const batch of log.readAll(after, { types: [TELEMETRY_RECORDED] }))
    for (const stored of batch.events) {
      if (before !== undefined && stored.position > before) return;
      if (stored.metadata.tenant_id !== tenant) continue;
      const receipt = receiptOf(stored);
      const events = contentsOf(stored).map((content) => {
        const event = content as TelemetryEvent;
        return { event, time: timeOf(event.timestamp, receipt) };
      });
      yield { stored, events };
    }
}

/** Has a baseline learn a tenant's telemetry up to a position, behind the one up to which it has. */
export const learnUntil = async (
  log: TelemetryLog,
  tenant: TenantId,
  baseline: Baseline,
  after: Position,
  until: string,
): Promise<void> => {
  for await (const { events } of telemetryOf(log, tenant, after, until))
    for (const one of events) baseline.learn(one);
};

/**
 * Looks at what the telemetry of a tenant in a deployment's window says, against what its telemetry was like before
 * and the tenant's rules. It only suggests: people decide. What is suspicious and a rule declares legitimate is named,
 * too, with a score below {@link SUSPICIOUS}. `log` is without what is set aside. `all`: whether every event of the
 * window was looked at.
 */
export const suspectedIn = async (
  log: TelemetryLog,
  { begin, end }: DeploymentWindow,
  tenant: TenantId,
  baseline: Baseline,
  legitimacy: Legitimacy,
): Promise<{ readonly suspected: readonly SuspectedEvent[]; readonly all: boolean }> => {
  const found: (TimedEvent & { readonly stored: RecordedEvent; readonly index: number })[] = [];
  let all = true;
  for await (const { stored, events } of telemetryOf(log, tenant, begin as Position, end)) {
    const room = events.slice(0, MOST_EVENTS - found.length);
    for (const [n, one] of room.entries()) found.push({ ...one, stored, index: numberIn(stored, n) });
    all = room.length === events.length;
    if (!all) break;
  }
  const suspected = baseline.assess(found).flatMap((suspicion, i): readonly SuspectedEvent[] => {
    const at = found[i];
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
