import type { TenantId } from '../domain/ids.js';
import { quarantineEventTypes } from '../domain/quarantine/quarantine.js';
import { routeEventTypes } from '../domain/telemetry/routes/book.js';
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
 * one record that touches it, or in that record's stream. Absent: anywhere in the log.
 */
export type History = 'record' | 'stream';

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
  /** Shows routes: what it makes of an event depends on the tenant's route book, too. */
  readonly shows_routes?: true;
  readonly history?: History;
  /** Shows what is set aside, too: it tells what was written, not what holds. */
  readonly whole?: true;
  readonly indexes: readonly IndexSpec[];
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
