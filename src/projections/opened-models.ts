import type { TenantId } from '../domain/ids.js';
import type { People } from '../people/people.js';
import type { Pseudonyms } from '../people/pseudonyms.js';
import type { Position } from '../eventstore/event-store.js';
import type { Document, Query } from '../readstore/read-store.js';
import type { AnyProjection, Projection } from './projection.js';
import type { ModelReader, ReadModels } from './read-models.js';

/** The read models as people read them: what their documents say of people is opened, or marked as erased. */
export class OpenedModels implements ReadModels {
  constructor(
    private readonly models: ReadModels,
    private readonly people: Pick<People, 'openFields'>,
    /** Given where telemetry is stored with pseudonyms. */
    private readonly pseudonyms?: Pick<Pseudonyms, 'showTexts'>,
  ) {}

  get changes(): ReadModels['changes'] {
    return this.models.changes;
  }

  read<D extends Document, P>(projection: Projection<D, P>, tenant: TenantId): ModelReader<D> {
    const reader = this.models.read(projection, tenant);
    const { personal, named } = projection;
    const { pseudonyms } = this;
    const open = personal
      ? (document: D): Promise<D> =>
          this.people.openFields(personal.person(document), personal.fields, document)
      : named &&
        pseudonyms &&
        ((document: D): Promise<D> => named(document, (texts) => pseudonyms.showTexts(texts)));
    if (!open) return reader;
    return {
      // What is derived is kept, and must not outlive an erasure: it is made of the documents as they are.
      ...reader,
      get: async (id: string) => {
        const document = await reader.get(id);
        return document && open(document);
      },
      find: async (query: Query) => Promise.all((await reader.find(query)).map(open)),
    };
  }

  position(projection: AnyProjection): Position {
    return this.models.position(projection);
  }

  reached(projections: readonly AnyProjection[], position: Position, timeout_ms: number): Promise<boolean> {
    return this.models.reached(projections, position, timeout_ms);
  }
}
