import type { TenantId } from '../../domain/ids.js';
import { indexRanges, type IndexRange } from '../../domain/index-ranges.js';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';
import { mayBeSetAside } from '../../domain/quarantine/quarantine.js';
import { RecordRuns } from '../../domain/quarantine/runs.js';
import { legitimacyStream, routesStream } from '../../domain/streams.js';
import { addressOf } from '../../domain/telemetry/address.js';
import {
  parsePosition,
  START,
  toPosition,
  type EventLog,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../../eventstore/event-store.js';
import { chunkIndex } from '../../projections/chunk-index/projection.js';
import type { ReadModels } from '../../projections/read-models.js';

/**
 * How somebody says which records are meant: by position, by place in a stream, or by a telemetry event's id; one, or
 * all from one to another.
 */
export interface RecordSelector {
  readonly position?: string;
  readonly through_position?: string;
  readonly stream?: string;
  readonly revision?: number;
  readonly through_revision?: number;
  readonly event_id?: string;
  /** Of a chunk: some of its events only, each by its number or from one to another. */
  readonly indexes?: readonly (number | IndexRange)[];
}

export type Resolved =
  | {
      readonly ok: true;
      readonly records: readonly QuarantinedRecord[];
      /** Of records that were meant by where they begin and end: how many did not fit. */
      readonly remaining: number;
    }
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
  /** So many records, or runs of them, are named at the most. */
  most: number,
): Promise<Resolved> => {
  const found = new Map<string, QuarantinedRecord>();
  const stretches: RecordSelector[] = [];
  for (const [index, selector] of selectors.entries()) {
    if (isStretch(selector)) {
      if (!isSound(selector)) return { ok: false, index };
      stretches.push(selector);
      continue;
    }
    const records = await resolveOne(log, models, tenant, selector);
    if (records.length === 0) return { ok: false, index };
    for (const record of records) {
      const before = found.get(record.position);
      found.set(record.position, before ? joined(before, record) : record);
    }
  }
  const singles = [...found.values()].sort((a, b) => (a.position < b.position ? -1 : 1));
  const runs = new RecordRuns(Math.max(0, most - singles.length));
  for (const stretch of stretches) {
    let any = false;
    for await (const record of recordsOf(log, stretch))
      if (record.metadata.tenant_id === tenant && mayBeSetAside(record.type)) {
        runs.add(named(record));
        any = true;
      }
    if (!any) return { ok: false, index: selectors.indexOf(stretch) };
  }
  return { ok: true, records: [...singles, ...runs.records], remaining: runs.remaining };
};

const isStretch = ({ through_position, through_revision }: RecordSelector): boolean =>
  through_position !== undefined || through_revision !== undefined;

/** Whether a stretch says where it begins, and nothing that does not go with it. */
const isSound = (selector: RecordSelector): boolean => {
  const { position, through_position, stream, revision, through_revision, event_id, indexes } = selector;
  if (event_id !== undefined || indexes) return false;
  return through_position !== undefined
    ? position !== undefined && stream === undefined && position <= through_position
    : stream !== undefined &&
        revision !== undefined &&
        revision <= (through_revision ?? -1) &&
        position === undefined;
};

/** All records of a stretch of the log, or of a stream. */
async function* recordsOf(log: EventLog, stretch: RecordSelector): AsyncIterable<RecordedEvent> {
  const { position, through_position = '', stream, revision = 0, through_revision = -1 } = stretch;
  if (stream !== undefined) {
    const limit = through_revision - revision + 1;
    yield* log.readStream(stream as StreamName, { from: revision as Revision, limit });
    return;
  }
  const first = BigInt(`0x${position ?? '0'}`);
  for await (const { events, position: reached } of log.readAll(
    first === 0n ? START : toPosition(first - 1n),
  )) {
    yield* events.filter((event) => event.position <= through_position);
    if (reached >= through_position) return;
  }
}

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
  const count = (record.kept?.at(-1) ?? chunk.count - 1) + 1;
  if (address)
    return address.index < count ? [{ ...named(record, [[address.index, address.index]]), count }] : [];
  if (!selector.indexes) return [named(record)];
  const indexes = indexRanges(selector.indexes);
  return indexes.length > 0 && indexes.every(([, last]) => last < count)
    ? [{ ...named(record, indexes), count }]
    : [];
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

/** Streams of which each record stands by itself: a tenant's rules of what is legitimate, what it learned of its routes. */
const LOOSE = [legitimacyStream('' as TenantId), routesStream('' as TenantId)];

/** Whether all of a stream is about what its first record began. */
const beginsAThing = ({ stream, revision }: RecordedEvent): boolean =>
  revision === 0 && !LOOSE.some((prefix) => stream.startsWith(prefix));

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
