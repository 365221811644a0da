import type { TenantId } from '../domain/ids.js';
import type { Clock } from '../platform/clock.js';
import { TimeSlice } from '../projections/runner/time-slice.js';
import type { AnyProjection } from '../projections/projection.js';
import type { Collection, Document, DocumentKey } from '../readstore/read-store.js';
import { canonical, differingPaths, saidBy } from './canonical.js';
import { DocumentsDigest } from './digest.js';

/** A document that is not what the log says it should be. */
interface Difference {
  readonly tenant: TenantId;
  readonly id: string;
  readonly kind: 'missing' | 'surplus' | 'changed';
  /** Of a changed document: JSON pointers to what differs, the first ones. */
  readonly paths: readonly string[];
}

export interface Comparison {
  /** Of the served documents. */
  readonly documents: number;
  /** SHA-256 over the served documents in their order, each with its key and as canonical JSON. */
  readonly digest: string;
  readonly equal: boolean;
  readonly differing: number;
  /** The first of them. */
  readonly differences: readonly Difference[];
}

const DIFFERENCES = 20;
const PATHS = 10;

/** A document with its key. */
export interface Found {
  readonly key: DocumentKey;
  readonly document: Document;
}

/** Compares what is served with what a replay made, document by document. Neither may be written meanwhile. */
export const compare = async (
  projection: AnyProjection,
  served: Pick<Collection<Document>, 'scan'>,
  replayed: Pick<Collection<Document>, 'scan'>,
  clock: Pick<Clock, 'monotonic'>,
): Promise<Comparison> => {
  const slice = new TimeSlice(clock);
  const digest = new DocumentsDigest();
  const differences: Difference[] = [];
  let differing = 0;
  const report = ({ tenant, id }: DocumentKey, kind: Difference['kind'], paths: readonly string[]): void => {
    differing += 1;
    if (differences.length < DIFFERENCES) differences.push({ tenant, id, kind, paths });
  };
  for await (const { here, there } of pairs(served.scan(), replayed.scan())) {
    const [one, other] = [here, there].map((found) => found && saidBy(projection, found.document));
    const text = one === undefined ? undefined : canonical(one);
    if (here && text !== undefined) digest.add(here.key, text);
    if (here && !there) report(here.key, 'surplus', []);
    else if (there && !here) report(there.key, 'missing', []);
    else if (here && text !== canonical(other))
      report(here.key, 'changed', differingPaths(one, other, PATHS));
    if (slice.over) await slice.rest();
  }
  return {
    documents: digest.documents,
    digest: digest.finish(),
    equal: differing === 0,
    differing,
    differences,
  };
};

interface Pair {
  readonly here?: Found;
  readonly there?: Found;
}

/** Walks two collections in their common order, which is that of the keys' bytes. */
export async function* pairs(here: AsyncIterable<Found>, there: AsyncIterable<Found>): AsyncGenerator<Pair> {
  const [left, right] = [here[Symbol.asyncIterator](), there[Symbol.asyncIterator]()];
  let one = await left.next();
  let other = await right.next();
  while (!one.done || !other.done) {
    const order = one.done ? 1 : other.done ? -1 : compareKeys(one.value.key, other.value.key);
    yield {
      ...(order <= 0 && !one.done && { here: one.value }),
      ...(order >= 0 && !other.done && { there: other.value }),
    };
    if (order <= 0) one = await left.next();
    if (order >= 0) other = await right.next();
  }
}

const compareKeys = (one: DocumentKey, other: DocumentKey): number =>
  Buffer.compare(Buffer.from(one.tenant), Buffer.from(other.tenant)) ||
  Buffer.compare(Buffer.from(one.id), Buffer.from(other.id));
