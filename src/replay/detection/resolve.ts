import type { TenantId } from '../../domain/ids.js';
import { indexRanges, type IndexRange } from '../../domain/index-ranges.js';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';
import { mayBeSetAside } from '../../domain/quarantine/quarantine.js';
import { legitimacyStream } from '../../domain/streams.js';
import { addressOf } from '../../domain/telemetry/address.js';
import {
  parsePosition,
  toPosition,
  type EventLog,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../../eventstore/event-store.js';
import { chunkIndex } from '../../projections/chunk-index/projection.js';
import type { ReadModels } from '../../projections/read-models.js';

/** How somebody says which record is meant: by its position, its place in a stream, or a telemetry event's id. */
export interface RecordSelector {
  readonly position?: string;
  readonly stream?: string;
  readonly revision?: number;
  readonly event_id?: string;
  /** Of a chunk: some of its events only, each by its number or from one to another. */
  readonly indexes?: readonly (number | IndexRange)[];
}

export type Resolved =
  | { readonly ok: true; readonly records: readonly QuarantinedRecord[] }
  /** The selector at an index names nothing of the tenant's that could be set aside. */
  | { readonly ok: false; readonly index: number };

/**
 * The records that are meant, as a quarantine names them. What began a thing (a rule, an alert, a key) takes along
 * what became of that thing since: without its beginning that would say nothing.
 */
export const resolveRecords = async (
  log: EventLog,
  models: ReadModels,
  tenant: TenantId,
  selectors: readonly RecordSelector[],
): Promise<Resolved> => {
  const found = new Map<string, QuarantinedRecord>();
  for (const [index, selector] of selectors.entries()) {
    const records = await resolveOne(log, models, tenant, selector);
    if (records.length === 0) return { ok: false, index };
    for (const record of records) {
      const before = found.get(record.position);
      found.set(record.position, before ? joined(before, record) : record);
    }
  }
  return { ok: true, records: [...found.values()].sort((a, b) => (a.position < b.position ? -1 : 1)) };
};

const resolveOne = async (
  log: EventLog,
  models: ReadModels,
  tenant: TenantId,
  selector: RecordSelector,
): Promise<readonly QuarantinedRecord[]> => {
  const address = selector.event_id === undefined ? undefined : addressOf(selector.event_id);
  const entry = address && (await models.read(chunkIndex, tenant).get(address.chunk));
  const place = entry ?? selector;
  const record = await recordAt(log, place);
  if (record?.metadata.tenant_id !== tenant || !mayBeSetAside(record.type)) return [];
  const { chunk } = record.metadata;
  if (!chunk) {
    if (selector.indexes) return [];
    return beginsAThing(record) ? wholeStream(log, record) : [named(record)];
  }
  // Where events were cut out, the numbers of those that are left go on behind the gaps.
  const end = (record.kept?.at(-1) ?? chunk.count - 1) + 1;
  if (address) return address.index < end ? [named(record, [[address.index, address.index]])] : [];
  if (!selector.indexes) return [named(record)];
  const indexes = indexRanges(selector.indexes);
  return indexes.length > 0 && indexes.every(([, last]) => last < end) ? [named(record, indexes)] : [];
};

/** The record at a place; undefined where there is none. */
const recordAt = async (
  log: EventLog,
  { position, stream, revision }: { position?: string; stream?: string; revision?: number },
): Promise<RecordedEvent | undefined> => {
  if (stream !== undefined && revision !== undefined) {
    for await (const record of log.readStream(stream as StreamName, {
      from: revision as Revision,
      limit: 1,
    }))
      return record.revision === revision ? record : undefined;
    return undefined;
  }
  const wanted = position === undefined ? undefined : parsePosition(position);
  if (!wanted || BigInt(`0x${wanted}`) === 0n) return undefined;
  for await (const { events } of log.readAll(toPosition(BigInt(`0x${wanted}`) - 1n))) {
    const [first] = events;
    if (first) return first.position === wanted ? first : undefined;
  }
  return undefined;
};

/** Whether all of a stream is about what its first record began; of a tenant's rules each stands by itself. */
const beginsAThing = ({ stream, revision }: RecordedEvent): boolean =>
  revision === 0 && !stream.startsWith(legitimacyStream('' as TenantId));

const wholeStream = async (log: EventLog, first: RecordedEvent): Promise<readonly QuarantinedRecord[]> => {
  const records: QuarantinedRecord[] = [];
  for await (const record of log.readStream(first.stream))
    if (record.metadata.tenant_id === first.metadata.tenant_id) records.push(named(record));
  return records;
};

/** A record as a quarantine names it. */
export const named = (
  { stream, revision, position, type }: RecordedEvent,
  indexes?: readonly IndexRange[],
): QuarantinedRecord => ({ stream, revision, position, type, ...(indexes && { indexes }) });

const joined = (one: QuarantinedRecord, other: QuarantinedRecord): QuarantinedRecord => {
  if (!one.indexes) return one;
  if (!other.indexes) return other;
  return { ...one, indexes: indexRanges([...one.indexes, ...other.indexes]) };
};
