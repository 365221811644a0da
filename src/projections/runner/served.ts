import { Subject, type Observable } from 'rxjs';
import type { TenantId } from '../../domain/ids.js';
import { START, type Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { Document, ReadStore } from '../../readstore/read-store.js';
import type { AnyProjection, Projection } from '../projection.js';
import type { ModelChange, ModelReader, ReadModels } from '../read-models.js';
import { DerivedCache } from './derived-cache.js';

interface Model {
  readonly collection: string;
  readonly position: Position;
}

interface Waiter {
  readonly projections: readonly string[];
  readonly position: Position;
  readonly done: (reached: boolean) => void;
}

/** The ids of documents, by tenant. */
export type Documents = ReadonlyMap<TenantId, readonly string[]>;

/** What readers see: which collection of each read model is served, and how far it has got. */
export class Served implements ReadModels {
  readonly #models = new Map<string, Model>();
  readonly #waiters = new Set<Waiter>();
  readonly #changes = new Subject<ModelChange>();
  readonly #derived = new DerivedCache();

  constructor(
    private readonly store: ReadStore,
    private readonly clock: Pick<Clock, 'sleep'>,
    /** Called where somebody begins to wait for a position. */
    private readonly onAwaited: () => void,
  ) {}

  /** Whether somebody waits for a position to be reached. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  get changes(): Observable<ModelChange> {
    return this.#changes;
  }

  /** Looks up the collection at each call, so that a reader outlives the generation that it began with. */
  read<D extends Document, P>(projection: Projection<D, P>, tenant: TenantId): ModelReader<D> {
    const reader = this.store.forTenant(tenant);
    const get = (id: string): Promise<D | undefined> =>
      reader.get<D>(this.#model(projection.name).collection, id);
    return {
      get,
      find: (query) => reader.find<D>(this.#model(projection.name).collection, query),
      derived: (ids, derivation) =>
        Promise.all(
          ids.map((id) =>
            this.#derived.of({ projection: projection.name, tenant, id }, derivation, () => get(id)),
          ),
        ),
    };
  }

  position(projection: AnyProjection): Position {
    return this.#model(projection.name).position;
  }

  async reached(
    projections: readonly AnyProjection[],
    position: Position,
    timeout_ms: number,
  ): Promise<boolean> {
    const names = projections.map(({ name }) => name);
    if (this.#all(names, position)) return true;
    const timeout = new AbortController();
    return new Promise<boolean>((resolve) => {
      const waiter: Waiter = {
        projections: names,
        position,
        done: (reached) => {
          this.#waiters.delete(waiter);
          timeout.abort();
          resolve(reached);
        },
      };
      this.#waiters.add(waiter);
      this.onAwaited();
      void this.clock.sleep(timeout_ms, timeout.signal).then(() => waiter.done(false));
    });
  }

  /** Serves a collection as it is at a position. `changed`: documents that are not what they were; absent: any may be. */
  show(projection: string, collection: string, position: Position, changed?: Documents): void {
    this.#models.set(projection, { collection, position });
    this.#derived.changed(projection, changed);
    for (const waiter of this.#waiters)
      if (waiter.projections.includes(projection) && this.#all(waiter.projections, waiter.position))
        waiter.done(true);
    this.#changes.next({ projection, tenants: new Set(changed?.keys()), position });
  }

  /** No change will come any more: who waits is told so. */
  end(): void {
    for (const waiter of this.#waiters) waiter.done(false);
    this.#changes.complete();
  }

  #all(names: readonly string[], position: Position): boolean {
    return position === START || names.every((name) => this.#model(name).position >= position);
  }

  #model(name: string): Model {
    const model = this.#models.get(name);
    if (!model) throw new Error(`No read model ${name} is served here.`);
    return model;
  }
}
