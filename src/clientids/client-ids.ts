import type { EventId, TenantId } from '../domain/ids.js';
import type { Position } from '../eventstore/event-store.js';

/** For how long, by the time of recording, a second event with the same id of the same tenant is a repetition. */
export const CLIENT_ID_WINDOW_MS = 24 * 3_600_000;

/** Ids of one length where they stand: each event has one, so many bytes behind where the event starts. */
export interface IdsInBytes {
  /** In ASCII, where the ids are. */
  readonly bytes: Buffer;
  readonly starts: Int32Array;
  readonly offset: number;
  readonly length: number;
}

/** The ids that clients have given to a request's events; undefined: an event has none. */
export type GivenIds = readonly (string | undefined)[] | IdsInBytes;

/** Some events of a request next to each other, those from `from` up to `to`, that are stored or not stored together. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What became of a span, without its repetitions. */
export type SpanOutcome =
  | {
      readonly outcome: 'stored';
      readonly chunk: EventId;
      /** Index in the chunk of the span's first event. */
      readonly index: number;
      /** Epoch milliseconds. */
      readonly recorded_at: number;
    }
  /** An earlier request has stored these very events. */
  | { readonly outcome: 'stored_before' }
  | { readonly outcome: 'failed' };

/** The event that was stored under an id. */
export interface First {
  /** Absent where it is not known. */
  readonly event_id?: string;
  /** Epoch milliseconds. */
  readonly recorded_at?: number;
}

/** A request's hold on the ids of its events, from before they are stored until it is known whether they were. */
export interface IdClaim {
  /** 1 for each event that is not to be stored: one with its id is, or stands before it in the request. Absent: there is none. */
  readonly repeats?: Uint8Array;
  /** Says what became of the k-th span. Once for each; until then other requests with the same ids wait. */
  settle(k: number, outcome: SpanOutcome): void;
  /** The event that a repetition repeats, when all is settled; undefined where it was in this request and not stored. */
  first(repeat: number): First | undefined;
}

/**
 * Knows which ids clients have given to their events lately, so that an event that comes again is stored once.
 * Made from the log: losing it costs a reading of the log's last day, nothing else.
 */
export interface ClientIds {
  /**
   * Claims the ids of a request's events, all at once; of several with one id the first is to be stored. Waits while
   * another request holds one of them, holding none itself.
   */
  claim(tenant: TenantId, ids: GivenIds, spans: readonly Span[]): Promise<IdClaim>;
  /** A position by which everything that is claimed and settled as stored is in the log. */
  position(): Promise<Position>;
}
