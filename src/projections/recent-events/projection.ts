import { retirementIn, TELEMETRY_RETIRED } from '../../domain/retention/retention.js';
import { retirementsStream } from '../../domain/streams.js';
import { telemetryStreams } from '../../domain/telemetry/address.js';
import type { EventId } from '../../domain/ids.js';
import type { Receipt } from '../../domain/telemetry/chunk-header.js';
import { lastLinesOf, receiptOf, TELEMETRY_RECORDED } from '../../domain/telemetry/chunk.js';
import { START, type Position, type RecordedEvent } from '../../eventstore/event-store.js';
import type { Document } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** How many events are kept, and how many characters of them, the newest aside. */
const KEPT = 200;
const KEPT_LENGTH = 512 * 1024;

/** Some events of one chunk, the newest last. */
export interface RecentChunk extends Receipt {
  readonly chunk: EventId;
  readonly position: Position;
  readonly recorded_at: string;
  /** Index in the chunk of the first text. */
  readonly first: number;
  /** The events' JSON texts, as received. */
  readonly texts: readonly string[];
  /** The numbers in the chunk of the texts, where they do not follow each other because others are set aside. */
  readonly numbers?: readonly number[];
}

/** The tail of a tenant's telemetry in the order of its recording, the newest last. */
export interface RecentEvents extends Document {
  readonly chunks: readonly RecentChunk[];
  /** Every event recorded behind this position is among those kept. */
  readonly complete_after: Position;
}

export const RECENT_ID = 'recent';

type Tail = Pick<RecentEvents, 'chunks' | 'complete_after'>;

const tailOf = (event: RecordedEvent): RecentChunk => {
  const texts = lastLinesOf(event, KEPT);
  const numbers = event.kept?.slice(-texts.length);
  return {
    chunk: event.id,
    position: event.position,
    recorded_at: event.metadata.recorded_at,
    ...receiptOf(event),
    first: (event.metadata.chunk?.count ?? texts.length) - texts.length,
    texts,
    ...(numbers && { numbers }),
  };
};

/** The newest that may be kept, whole events only. */
const bounded = ({ chunks, complete_after }: Tail): Tail => {
  const kept: RecentChunk[] = [];
  let events = 0;
  let length = 0;
  for (const chunk of chunks.toReversed()) {
    let from = chunk.texts.length;
    while (from > 0 && events < KEPT) {
      const next = chunk.texts[from - 1]?.length ?? 0;
      if (events > 0 && length + next > KEPT_LENGTH) break;
      length += next;
      events += 1;
      from -= 1;
    }
    if (from === 0 && chunk.first === 0) {
      kept.push(chunk);
      continue;
    }
    if (from < chunk.texts.length)
      kept.push({
        ...chunk,
        first: chunk.first + from,
        texts: chunk.texts.slice(from),
        ...(chunk.numbers && { numbers: chunk.numbers.slice(from) }),
      });
    // This chunk is not all there, and what is older than it is not needed any more.
    return { chunks: kept.reverse(), complete_after: chunk.position };
  }
  return { chunks: kept.reverse(), complete_after };
};

/**
 * The tail behind a position. All that is up to a retired chunk goes with it, for what was kept before it depends on
 * how much room it took, which nobody can tell any more.
 */
const behind = ({ chunks, complete_after }: Tail, position: Position): Tail => ({
  chunks: chunks.filter((chunk) => chunk.position > position),
  complete_after: position > complete_after ? position : complete_after,
});

/** The newest events of each tenant, for the tail that people watch. */
export const recentEvents = defineProjection<RecentEvents, RecentChunk | { readonly retired_upto: Position }>(
  {
    name: 'recent-events',
    version: 1,
    reads: [TELEMETRY_RECORDED, TELEMETRY_RETIRED],
    history: {
      prefix: telemetryStreams,
      // What is behind `complete_after` is all that is kept.
      isWhole: ({ complete_after }, after) => complete_after > after,
    },
    also_in: (tenant) => [retirementsStream(tenant)],
    indexes: [],
    parts: (event) => {
      const { tenant_id: tenant } = event.metadata;
      if (tenant === undefined) return [];
      const retired = retirementIn(event);
      const part = retired ? { retired_upto: retired.last_position as Position } : tailOf(event);
      return [{ tenant, id: RECENT_ID, part }];
    },
    fold: (document, part, { id, position }) => {
      const { chunks, complete_after } = document ?? { chunks: [], complete_after: START };
      const tail =
        'retired_upto' in part
          ? behind({ chunks, complete_after }, part.retired_upto)
          : bounded({ chunks: [...chunks, part], complete_after });
      return { id, position, ...tail };
    },
  },
);
