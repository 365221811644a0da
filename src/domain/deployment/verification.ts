import type { Provenance } from '../provenance.js';
import { deploymentsStream } from '../streams.js';
import type { GuardMode } from './guard-state.js';

/** The records of one category of streams (`tenant`, `rule`, `telemetry`): counts, and hashes of all there is. */
export interface CategoryPrint {
  readonly streams: number;
  readonly records: number;
  /** Root of the Merkle tree over the category's records in the log's order, in hexadecimal digits. */
  readonly root: string;
  /** Root of the tree over its streams by name, each with its last revision. */
  readonly revisions: string;
}

/** The documents of one read model. */
export interface ReadModelPrint {
  readonly name: string;
  readonly version: number;
  readonly documents: number;
  /** SHA-256 over all documents in their order, in hexadecimal digits. */
  readonly digest: string;
}

/** What a log up to a position, and the read models made of it, are recognised by. Stored format. */
export interface Fingerprint {
  readonly position: string;
  readonly records: number;
  /** Root of the Merkle tree over all records in the log's order. */
  readonly root: string;
  readonly categories: Readonly<Record<string, CategoryPrint>>;
  readonly read_models: readonly ReadModelPrint[];
}

/** Something that a deployment must not have done. Stored format: codes are for good. */
export interface Finding {
  readonly code:
    | 'records_missing'
    | 'records_added'
    | 'records_changed'
    | 'revisions_changed'
    | 'order_changed'
    | 'record_introduced'
    | 'record_back_dated'
    | 'read_model_changed'
    | 'read_model_differs'
    | 'unhealthy';
  readonly detail: string;
  /** Of a record. */
  readonly position?: string;
  readonly stream?: string;
}

/** The category of a stream: its name up to the first hyphen. */
export const categoryOf = (stream: string): string => stream.split('-', 1)[0] ?? '';

/** What differs between a log's prefix before and after. Both are of the records up to the same position. */
export const comparePrefixes = (before: Fingerprint, after: Fingerprint): readonly Finding[] => {
  const names = [...new Set([...Object.keys(before.categories), ...Object.keys(after.categories)])].sort();
  const findings = names.flatMap((name) =>
    compareCategory(name, before.categories[name], after.categories[name]),
  );
  if (findings.length === 0 && before.root !== after.root)
    return [
      { code: 'order_changed', detail: 'The same records stand in another order, or at other positions.' },
    ];
  return findings;
};

const NOTHING: CategoryPrint = { streams: 0, records: 0, root: '', revisions: '' };

const compareCategory = (
  name: string,
  before: CategoryPrint = NOTHING,
  after: CategoryPrint = NOTHING,
): readonly Finding[] => {
  const counts = `${String(before.records)} before, ${String(after.records)} now`;
  if (after.records < before.records)
    return [{ code: 'records_missing', detail: `Of ${name} records are missing: ${counts}.` }];
  if (after.records > before.records)
    return [{ code: 'records_added', detail: `Among ${name} records were added: ${counts}.` }];
  if (after.streams !== before.streams || after.revisions !== before.revisions)
    return [
      { code: 'revisions_changed', detail: `The last revisions of ${name} are others, at the same count.` },
    ];
  if (after.root !== before.root)
    return [
      {
        code: 'records_changed',
        detail: `The records of ${name} are not what they were, at the same count.`,
      },
    ];
  return [];
};

/**
 * What differs between read models before and after, where nothing they read was recorded since: `recorded` names the
 * types that were, `reads` those that each reads. One that another version made is not compared.
 */
export const compareReadModels = (
  before: readonly ReadModelPrint[],
  after: readonly ReadModelPrint[],
  reads: ReadonlyMap<string, readonly string[]>,
  recorded: ReadonlySet<string>,
): readonly Finding[] =>
  before.flatMap((one): readonly Finding[] => {
    const { name, version, documents, digest } = one;
    const other = after.find((found) => found.name === name);
    if (other?.version !== version || reads.get(name)?.some((type) => recorded.has(type))) return [];
    if (other.digest === digest) return [];
    const detail = `The read model ${name} is not what it was: ${String(documents)} documents before, ${String(other.documents)} now.`;
    return [{ code: 'read_model_changed', detail }];
  });

/** A record that was appended after a deployment began, as far as it matters whether it may be there. */
export interface LaterRecord {
  readonly stream: string;
  readonly position: string;
  readonly type: string;
  readonly metadata: Pick<
    Provenance,
    'actor' | 'origin' | 'deployment_id' | 'guard_epoch' | 'recorded_at' | 'instance_id'
  >;
}

/** The deployment that a later record is held against. */
export interface Window {
  readonly deployment_id: string;
  readonly mode: GuardMode;
  readonly epoch: number;
  /** When its begin was recorded, RFC 3339. */
  readonly begun_at: string;
}

/** How far the clocks of instances may be apart. */
const SKEW_MS = 1_000;

/** Tells the records of the deployment's own course. */
export type OwnActs = (record: LaterRecord) => boolean;

/**
 * What is wrong with a record that came after the begin. There may be the operator's own acts and, where the
 * deployment lets it in, telemetry that a client sent and that is marked; nothing else can have come through the guard.
 */
export const inspectLater = (record: LaterRecord, window: Window, isOwnAct: OwnActs): readonly Finding[] => {
  const { stream, position, type, metadata } = record;
  const place = { stream, position };
  const findings: Finding[] = [];
  if (!isOwnAct(record) && !isMarkedTelemetry(record, window))
    findings.push({
      code: 'record_introduced',
      detail: `${type} by ${metadata.actor.kind} ${metadata.actor.id} (${metadata.origin}): nothing of the kind may be written during this deployment.`,
      ...place,
    });
  if (Date.parse(metadata.recorded_at) < Date.parse(window.begun_at) - SKEW_MS)
    findings.push({
      code: 'record_back_dated',
      detail: `${type} says that it was recorded at ${metadata.recorded_at}, before the deployment began, and stands behind it.`,
      ...place,
    });
  return findings;
};

const isMarkedTelemetry = ({ type, stream, metadata }: LaterRecord, window: Window): boolean =>
  window.mode === 'allow_ingest' &&
  type === 'TelemetryRecorded' &&
  categoryOf(stream) === 'telemetry' &&
  (metadata.actor.kind === 'api_key' || metadata.actor.kind === 'user') &&
  (metadata.origin === 'api' || metadata.origin === 'otlp' || metadata.origin === 'import') &&
  metadata.deployment_id === window.deployment_id &&
  metadata.guard_epoch === window.epoch;

/**
 * Whether a record tells of the deployment's course: the operator's act in the stream of deployments, or a person's in
 * one of quarantines.
 */
export const isOwnActOf =
  (deployments: readonly string[], quarantines: readonly string[]): OwnActs =>
  ({ stream, type, metadata }) => {
    const { kind } = metadata.actor;
    if (metadata.origin === 'process_manager') return false;
    if (stream === deploymentsStream) return deployments.includes(type) && kind === 'operator';
    return (
      categoryOf(stream) === 'quarantine' &&
      quarantines.includes(type) &&
      (kind === 'operator' || kind === 'user')
    );
  };
