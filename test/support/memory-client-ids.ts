import {
  CLIENT_ID_WINDOW_MS,
  type ClientIds,
  type First,
  type IdClaim,
  type Span,
  type SpanOutcome,
} from '../../src/clientids/client-ids.js';
import type { TenantId } from '../../src/domain/ids.js';
import { telemetryId } from '../../src/domain/telemetry/address.js';
import { TELEMETRY_RECORDED } from '../../src/domain/telemetry/stored-chunk.js';
import { clientIdsOf } from '../../src/domain/telemetry/client-ids.js';
import type { EventLog, Position, RecordedEvent } from '../../src/eventstore/event-store.js';
import type { Clock } from '../../src/platform/clock.js';

interface Entry {
  /** Absent once it is known to be stored. */
  readonly claim?: { readonly over: Promise<void> };
  first?: First;
}

/** Client ids in a plain map: what the real index is held against. Knows what is in the log when it is made. */
export class MemoryClientIds implements ClientIds {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly log: Pick<EventLog, 'head'>,
    private readonly clock: Pick<Clock, 'now'>,
    events: readonly RecordedEvent[] = [],
  ) {
    for (const event of events.filter(({ type }) => type === TELEMETRY_RECORDED))
      for (const { index, id } of clientIdsOf(event)) {
        const { tenant_id = '', recorded_at } = event.metadata;
        const first = { event_id: telemetryId(event.id, index), recorded_at: Date.parse(recorded_at) };
        this.#entries.set(`${tenant_id}/${id}`, { first });
      }
  }

  async claim(
    tenant: TenantId,
    ids: readonly (string | undefined)[],
    spans: readonly Span[],
  ): Promise<IdClaim> {
    const names = ids.map((id) => id && `${tenant}/${id}`);
    for (;;) {
      const held = names.map((name) => name && this.#entries.get(name)?.claim).find((claim) => claim);
      if (!held) break;
      await held.over;
    }
    let finish = (): void => undefined;
    const claim = { over: new Promise<void>((resolve) => (finish = resolve)) };
    const repeats = new Uint8Array(ids.length);
    const spanOf = new Map<Entry, { readonly k: number; readonly place: number; readonly name: string }>();
    const firsts = new Map<number, Entry>();
    for (const [k, { from, to }] of spans.entries()) {
      let place = 0;
      for (let i = from; i < to; i += 1) {
        const name = names[i];
        const known = name && this.#entries.get(name);
        if (known && (known.claim ?? this.#isRecent(known.first))) {
          repeats[i] = 1;
          firsts.set(i, known);
          continue;
        }
        if (name) {
          const entry = { claim };
          this.#entries.set(name, entry);
          spanOf.set(entry, { k, place, name });
        }
        place += 1;
      }
    }
    let left = new Set([...spanOf.values()].map(({ k }) => k)).size;
    if (left === 0) finish();
    const settle = (settled: number, outcome: SpanOutcome): void => {
      let mine = false;
      for (const [entry, { k, place, name }] of spanOf) {
        if (k !== settled) continue;
        mine = true;
        this.#entries.delete(name);
        if (outcome.outcome === 'stored_before') entry.first = {};
        if (outcome.outcome !== 'stored') continue;
        const { chunk, index, recorded_at } = outcome;
        entry.first = { event_id: telemetryId(chunk, index + place), recorded_at };
        this.#entries.set(name, { first: entry.first });
      }
      if (mine) left -= 1;
      if (left === 0) finish();
    };
    return { ...(repeats.includes(1) && { repeats }), settle, first: (i) => firsts.get(i)?.first };
  }

  position(): Promise<Position> {
    return this.log.head();
  }

  #isRecent(first: First | undefined): boolean {
    return first?.recorded_at !== undefined && first.recorded_at > this.clock.now() - CLIENT_ID_WINDOW_MS;
  }
}
