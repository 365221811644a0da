import type { Observable } from 'rxjs';
import type { TenantId } from '../domain/ids.js';
import { mayBeSetAside } from '../domain/quarantine/quarantine.js';
import type { Position } from '../eventstore/event-store.js';
import type { CurrentQuarantines } from '../quarantine/current.js';
import type { Document } from '../readstore/read-store.js';
import type { AnyProjection, Projection } from './projection.js';
import type { ModelChange, ModelReader, ReadModels } from './read-models.js';

/** How long somebody who asks is let wait for documents that are being made anew. */
const PATIENCE_MS = 2_000;

/** Documents still show what is set aside: they are being made anew. */
export class BeingCorrected extends Error {
  constructor(readonly projection: string) {
    super(`${projection} is being made anew without what is set aside.`);
    this.name = 'BeingCorrected';
  }
}

/**
 * The read models as people are shown them: of a tenant only where its last decision to set something aside has been
 * taken in. Until then whoever asks waits, and then gets BeingCorrected: never what is set aside.
 */
export class VisibleModels implements ReadModels {
  constructor(
    private readonly models: ReadModels,
    private readonly quarantines: Pick<CurrentQuarantines, 'decidedAt'>,
  ) {}

  get changes(): Observable<ModelChange> {
    return this.models.changes;
  }

  read<D extends Document, P>(projection: Projection<D, P>, tenant: TenantId): ModelReader<D> {
    const reader = this.models.read(projection, tenant);
    if (!showsWhatHolds(projection)) return reader;
    return {
      get: async (id) => {
        await this.#corrected(projection, tenant);
        return reader.get(id);
      },
      find: async (query) => {
        await this.#corrected(projection, tenant);
        return reader.find(query);
      },
      derived: async (ids, derivation) => {
        await this.#corrected(projection, tenant);
        return reader.derived(ids, derivation);
      },
    };
  }

  position(projection: AnyProjection): Position {
    return this.models.position(projection);
  }

  reached(projections: readonly AnyProjection[], position: Position, timeout_ms: number): Promise<boolean> {
    return this.models.reached(projections, position, timeout_ms);
  }

  async #corrected(projection: AnyProjection, tenant: TenantId): Promise<void> {
    const decided = await this.quarantines.decidedAt(tenant);
    if (this.models.position(projection) >= decided) return;
    if (!(await this.models.reached([projection], decided, PATIENCE_MS)))
      throw new BeingCorrected(projection.name);
  }
}

/** Whether records that are set aside are to be missing in it. */
const showsWhatHolds = ({ whole, reads }: AnyProjection): boolean =>
  whole !== true && reads.some(mayBeSetAside);
