import { retirementIn, TELEMETRY_RETIRED } from '../../domain/retention/retention.js';
import { retirementsStream } from '../../domain/streams.js';
import { telemetryStreams } from '../../domain/telemetry/address.js';
import type { EventId } from '../../domain/ids.js';
import type { Receipt } from '../../domain/telemetry/chunk-header.js';
import {
  bytesOf,
  lastLinesOf,
  receiptOf,
  TELEMETRY_RECORDED,
  withLastLines,
} from '../../domain/telemetry/stored-chunk.js';
import { UndecodableColumns } from '../../domain/telemetry/column-codec/bytes.js';
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

/** A chunk's last texts; none where its columns cannot be read: the tail then ends behind it. */
const textsOf = (event: RecordedEvent): readonly string[] => {
  try {
    return lastLinesOf(event, KEPT);
  } catch (error) {
    if (error instanceof UndecodableColumns) return [];
    throw error;
  }
};

const tailOf = (event: RecordedEvent): RecentChunk => {
  const texts = textsOf(event);
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

/**
 * A tail with chunks behind it that were not read yet. Of many in a row the last ones alone are ever seen, and reading
 * a chunk takes as long as everything else that is done with it.
 */
class GrowingTail {
  #unread: RecordedEvent[] = [];
  #unread_events = 0;

  constructor(private read: Tail) {}

  add(event: RecordedEvent): void {
    this.#unread.push(withLastLines(event, KEPT));
    this.#unread_events += countOf(event);
    // Once more events than are kept stand behind a chunk, it is not seen any more, nor what was before it.
    while (this.#unread_events - countOf(this.#unread[0]) > KEPT)
      this.#unread_events -= countOf(this.#unread.shift());
  }

  retire(upto: Position): void {
    this.read = behind(this.tail, upto);
  }

  get tail(): Tail {
    if (this.#unread.length > 0) {
      const { chunks, complete_after } = this.read;
      this.read = bounded({ chunks: [...chunks, ...this.#unread.map(tailOf)], complete_after });
      this.#unread = [];
      this.#unread_events = 0;
    }
    return this.read;
  }
}

const countOf = (event: RecordedEvent | undefined): number => event?.metadata.chunk?.count ?? 0;

/** What documents in memory are made of. */
const growing = new WeakMap<RecentEvents, GrowingTail>();

/** A document whose chunks are read when it is written, or somebody looks. */
const documentOf = (id: string, position: Position, from: GrowingTail): RecentEvents => {
  const document: RecentEvents = {
    id,
    position,
    get chunks() {
      return from.tail.chunks;
    },
    get complete_after() {
      return from.tail.complete_after;
    },
  };
  growing.set(document, from);
  return document;
};

const NOTHING: Tail = { chunks: [], complete_after: START };

/** The newest events of each tenant, for the tail that people watch. */
export const recentEvents = defineProjection<
  RecentEvents,
  RecordedEvent | { readonly retired_upto: Position }
>({
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
  // As it is now: what is in memory grows.
  named: async ({ ...document }, show) => {
    const texts = await show(document.chunks.flatMap((chunk) => chunk.texts));
    let next = 0;
    const chunks = document.chunks.map((chunk) => ({
      ...chunk,
      texts: chunk.texts.map((text) => texts[next++] ?? text),
    }));
    return { ...document, chunks };
  },
  parts: (event) => {
    const { tenant_id: tenant } = event.metadata;
    if (tenant === undefined) return [];
    const retired = retirementIn(event);
    if (retired)
      return [{ tenant, id: RECENT_ID, part: { retired_upto: retired.last_position as Position } }];
    // What cannot be a chunk is refused here, with all that its stream says behind it.
    if (!event.lines) bytesOf(event);
    return [{ tenant, id: RECENT_ID, part: event }];
  },
  fold: (document, part, { id, position }) => {
    const tail = (document && growing.get(document)) ?? new GrowingTail(document ?? NOTHING);
    if ('retired_upto' in part) tail.retire(part.retired_upto);
    else tail.add(part);
    return documentOf(id, position, tail);
  },
});
