import { aggregateOf } from '../../domain/audit/aggregates.js';
import { masked } from '../../domain/audit/masked.js';
import type { TenantId } from '../../domain/ids.js';
import type { Json } from '../../domain/json.js';
import type { Provenance } from '../../domain/provenance.js';
import type {
  EventLog,
  EventMetadata,
  Position,
  RecordedEvent,
  Revision,
  StreamName,
} from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { AnyProjection } from '../../projections/projection.js';
import { isAfter, type Moment } from '../moments.js';
import { documentsAt, type DocumentsAt, type Scope } from './documents-at.js';
import { sightAt, type View } from './sight.js';

/** A record as those who audit it see it: all that it says, secrets masked; of telemetry the header of its chunk. */
export interface ShownRecord {
  readonly position: Position;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly id: string;
  readonly type: string;
  readonly schema_version: number;
  readonly data?: Json;
  readonly chunk?: object;
  readonly provenance: Omit<Provenance, 'idempotency'>;
}

/** What a stream's records made at some moment. */
export interface StateAt {
  readonly stream: string;
  readonly kind: string;
  /** Of the last record that counts. */
  readonly position: Position;
  readonly revision: Revision;
  readonly recorded_at: string;
  /** Records that were folded and have been set aside since. */
  readonly set_aside_since: number;
  readonly state: Json;
}

/** Foldings of read models that may go on at a time. */
const AT_ONCE = 2;
/** Records of a stream that are looked at for one page. */
const LOOKED_AT = 10_000;

/** What was: a tenant's own records, and the states and documents that they made at any moment. Writes nothing. */
export class Past {
  #folding = 0;

  constructor(
    private readonly log: Pick<EventLog, 'readStream' | 'readAll' | 'head'>,
    private readonly clock: Clock,
    private readonly projections: readonly AnyProjection[],
  ) {}

  /** Records of a stream from a revision on, oldest first; `next` is where the following ones begin. */
  async records(
    tenant: TenantId,
    stream: string,
    from: number,
    limit: number,
  ): Promise<{ readonly data: readonly ShownRecord[]; readonly next?: number }> {
    const data: ShownRecord[] = [];
    if (!isNamed(stream)) return { data };
    let looked = 0;
    for await (const record of this.log.readStream(stream as StreamName, { from: from as Revision })) {
      if (data.length === limit || looked === LOOKED_AT) return { data, next: record.revision };
      looked += 1;
      if (record.metadata.tenant_id === tenant) data.push(shownRecord(record));
    }
    return { data };
  }

  /** What a stream of a tenant's came to at a moment; undefined where it had none of its records then, or makes no state; a record that is set aside is none. */
  async stateOf(tenant: TenantId, stream: string, moment: Moment, view: View): Promise<StateAt | undefined> {
    const aggregate = isNamed(stream) ? aggregateOf(stream) : undefined;
    if (!aggregate) return undefined;
    const records: RecordedEvent[] = [];
    const sight = await sightAt(this.log, tenant, moment, view);
    let set_aside_since = 0;
    for await (const record of this.log.readStream(stream as StreamName)) {
      if (isAfter(record, moment)) break;
      if (record.metadata.tenant_id !== tenant) continue;
      const looked = await sight(record);
      if (looked.visible) records.push(looked.visible);
      set_aside_since += Number(looked.set_aside_since);
    }
    const last = records.at(-1);
    if (!last) return undefined;
    const { position, revision } = last;
    const { recorded_at } = last.metadata;
    return {
      stream,
      kind: aggregate.kind,
      position,
      revision,
      recorded_at,
      set_aside_since,
      state: aggregate.stateOf(records),
    };
  }

  /** The documents of a read model as the records up to a moment make them; undefined: there is no such read model. */
  async documentsAt(
    tenant: TenantId,
    read_model: string,
    moment: Moment,
    scope: Scope,
  ): Promise<DocumentsAt | undefined> {
    const projection = this.projections.find(({ name }) => name === read_model);
    if (!projection) return undefined;
    if (this.#folding >= AT_ONCE) return { outcome: 'busy' };
    this.#folding += 1;
    try {
      return await documentsAt(this.log, this.clock, projection, tenant, moment, scope);
    } finally {
      this.#folding -= 1;
    }
  }
}

/** Whether stores may be asked for a stream of that name. */
const isNamed = (stream: string): boolean => stream !== '' && !stream.startsWith('$');

const shownRecord = (record: RecordedEvent): ShownRecord => {
  const { position, stream, revision, id, type, schema_version, data, metadata } = record;
  return {
    position,
    stream,
    revision,
    id,
    type,
    schema_version,
    ...(data instanceof Uint8Array ? {} : { data: masked(data) }),
    ...(metadata.chunk && { chunk: metadata.chunk }),
    provenance: provenanceOf(metadata),
  };
};

/** Which request it was is shown; the key that it was sent under is nobody's to see. */
const provenanceOf = ({
  chunk: _,
  idempotency: __,
  ...provenance
}: EventMetadata): ShownRecord['provenance'] => provenance;
