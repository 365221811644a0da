import type { Observable } from 'rxjs';
import type { TenantId } from '../domain/ids.js';
import type { Position } from '../eventstore/event-store.js';
import type { Document, Query } from '../readstore/read-store.js';
import type { AnyProjection, Projection } from './projection.js';

/** One tenant's documents of one read model, in the generation that is being served. */
export interface ModelReader<D extends Document> {
  get(id: string): Promise<D | undefined>;
  find(query: Query): Promise<readonly D[]>;
  /**
   * What a derivation makes of each of some documents; undefined where there is none. Kept as long as they do not
   * change: to be read, not to be changed.
   */
  derived<T extends object>(
    ids: readonly string[],
    derivation: Derivation<D, T>,
  ): Promise<readonly (T | undefined)[]>;
}

/** Something that is made of one document and of nothing else. */
export interface Derivation<D extends Document, T extends object> {
  make(document: D): T;
  /** About how much memory it takes. */
  bytes(made: T): number;
}

/** What a projection has just made of the log. */
export interface ModelChange {
  readonly projection: string;
  /** The tenants whose documents changed; empty where the position alone moved on. */
  readonly tenants: ReadonlySet<TenantId>;
  readonly position: Position;
}

/** The read models as queries and dashboards see them. */
export interface ReadModels {
  read<D extends Document, P>(projection: Projection<D, P>, tenant: TenantId): ModelReader<D>;
  /** How far the served generation of a projection has got. */
  position(projection: AnyProjection): Position;
  /** Resolves true once the projections have got to a position, false where they have not within the time. */
  reached(projections: readonly AnyProjection[], position: Position, timeout_ms: number): Promise<boolean>;
  /** Emits after the documents of a batch were written. */
  readonly changes: Observable<ModelChange>;
}
