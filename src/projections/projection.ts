import type { TenantId } from '../domain/ids.js';
import { quarantineEventTypes } from '../domain/quarantine/quarantine.js';
import { routeEventTypes } from '../domain/telemetry/routes/book.js';
import type { TimeSpan } from '../domain/time-spans.js';
import type { Routing } from '../domain/telemetry/routes/shown.js';
import type { Position, RecordedEvent } from '../eventstore/event-store.js';
import type { Document, IndexSpec, IndexValue } from '../readstore/read-store.js';

/** What one event means to one document. */
export interface Part<P> {
  readonly tenant: TenantId;
  readonly id: string;
  readonly part: P;
}

/** Documents of one tenant that an event removes without naming them: a stretch of an index, both ends included. */
export interface Sweep<D extends Document = Document> {
  readonly tenant: TenantId;
  readonly index: string;
  /** The index's first fields. */
  readonly equals: readonly IndexValue[];
  /** The field after them. */
  readonly range: { readonly from: IndexValue; readonly to: IndexValue };
  /** Which of them; absent: all. */
  readonly matches?: (document: D) => boolean;
}

/**
 * Where everything is that a document is made of, so that it can be folded anew when some of it is set aside: in the
 * one record that touches it, in that record's stream, or in some streams. Absent: anywhere in the log.
 */
export type History<D extends Document = Document> = 'record' | 'stream' | Streams<D>;

/** Streams of which a tenant's documents are made. */
export interface Streams<D extends Document = Document> {
  /** What their names begin with. */
  readonly prefix: (tenant: TenantId) => string;
  /** When the telemetry happened that some documents are made of. Absent: at any time. */
  readonly times?: (ids: readonly string[]) => readonly TimeSpan[];
  /** Whether the records behind a position made of a document all that it is. Absent: only all records do. */
  readonly isWhole?: (document: D, after: Position) => boolean;
}

/** Events that are shown under the routes that their paths have. */
export interface ShownRoutes {
  /** What the names of the tenant's streams begin with that they stand in. */
  readonly prefix: (tenant: TenantId) => string;
  /** The paths of an event; throws where it cannot be taken apart. */
  readonly paths: (event: RecordedEvent) => readonly string[];
}

/** What a document is to be without, and with, from now on: parts of events that were before. */
export interface Change<P> {
  readonly leaves: readonly P[];
  readonly returns: readonly P[];
}

/**
 * A document as it would be had some parts never been folded, or been folded too; `anew`: that cannot be told without
 * its events. `knowing`: it can where these other documents of the tenant are known, amended themselves.
 */
export type Amended<D extends Document> =
  { readonly document: D | undefined } | { readonly knowing: readonly string[] } | 'anew';

/**
 * A read model: which events it reads, which documents each of them touches, and a fold.
 * It knows nothing of batches, checkpoints, generations or failures; the runner knows nothing of what it means.
 */
export interface Projection<D extends Document, P = RecordedEvent> {
  /** `[a-z-]+`; the name that people and the command line use. */
  readonly name: string;
  /** Raised when the fold's result changes: a new generation is built beside the old. */
  readonly version: number;
  /** The event types it reads. */
  readonly reads: readonly string[];
  /** Shows routes: what it makes of some events depends on the tenant's route book, too. */
  readonly shows_routes?: ShownRoutes;
  readonly history?: History<D>;
  /** Streams of a tenant that say something about many of its documents, wherever else their history is. */
  readonly also_in?: (tenant: TenantId) => readonly string[];
  /** Shows what is set aside, too: it tells what was written, not what holds. */
  readonly whole?: true;
  readonly indexes: readonly IndexSpec[];
  /** What its documents say of people: kept as the records have it, sealed, and opened for who reads. */
  readonly personal?: {
    readonly fields: readonly string[];
    /** Whose it is, where it was not sealed yet. */
    readonly person: (document: D) => string | undefined;
  };
  /** A document that holds events' JSON texts, which the log may have with pseudonyms: with those that `show` makes of them. */
  readonly named?: (
    document: D,
    show: (texts: readonly string[]) => Promise<readonly string[]>,
  ) => Promise<D>;
  /**
   * The documents that an event touches, each at most once, with what it says to each. Pure. `routing`: the tenant's
   * route book as the events before this one say.
   */
  parts(event: RecordedEvent, routing: Routing): Iterable<Part<P>>;
  /**
   * The documents that an event removes, after its parts. Pure. They are taken as they are before the event, in
   * whatever order they were made: what an event of theirs says later makes them anew.
   */
  readonly sweeps?: (event: RecordedEvent) => readonly Sweep<D>[];
  /**
   * The document after the part; undefined deletes it. Pure as seen from outside: the runner hands over a
   * document that nobody else holds, so a fold may change it in place.
   */
  fold(document: D | undefined, part: P, at: FoldContext): D | undefined;
  /** A document as people read it, where its own form is for machines. */
  readonly legible?: (document: D) => Document;
  /**
   * Of sums: what a document becomes where events are set aside or come back, exactly and without reading the log.
   * Pure. `known`: the documents that it asked for. Two documents of such a read model that differ in their position
   * alone say the same: which of the events that are left came last is not known.
   */
  readonly amend?: (
    document: D | undefined,
    change: Change<P>,
    at: FoldContext,
    known?: readonly D[],
  ) => Amended<D>;
}

export interface FoldContext {
  readonly id: string;
  /** Goes into the document's `position`. */
  readonly position: Position;
}

/** Any projection, as the runner holds them. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the only type that every projection is assignable to
export type AnyProjection = Projection<any, any>;

/** The event types that somebody who folds a projection has to be given. */
export const typesOf = ({ reads, shows_routes }: AnyProjection): readonly string[] => [
  ...new Set([...reads, ...(shows_routes ? routeEventTypes : []), ...quarantineEventTypes]),
];

/** Says a projection's types once and gives it back. */
export const defineProjection = <D extends Document, P = RecordedEvent>(
  projection: Projection<D, P>,
): Projection<D, P> => projection;
