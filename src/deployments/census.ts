import { createHash } from 'node:crypto';
import { append, EMPTY, hashLeaf, rootOf, type Frontier } from '../domain/integrity/merkle.js';
import { categoryOf, type CategoryPrint, type Fingerprint } from '../domain/deployment/verification.js';
import { START, type Position, type RecordedEvent } from '../eventstore/event-store.js';

/** What a log's records are recognised by, without the read models made of them. */
export type LogPrint = Omit<Fingerprint, 'read_models'>;

interface Category {
  tree: Frontier;
  /** The last revision of each stream. */
  readonly revisions: Map<string, number>;
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const rootText = (tree: Frontier): string => Buffer.from(rootOf(sha256, tree)).toString('hex');

/**
 * A record as a leaf: SHA-256 over 0x00 and all that a reader of the log sees of it, its place included. It is made of
 * what the port gives and not of a store's bytes, so that it is the same for every store and however a segment is
 * encoded.
 */
export const leafOf = ({
  position,
  stream,
  revision,
  id,
  type,
  schema_version,
  metadata,
  data,
}: RecordedEvent): Buffer => {
  const binary = data instanceof Uint8Array;
  const head = [position, stream, revision, id, type, schema_version, metadata, binary ? data.length : data];
  const hash = createHash('sha256').update('\0').update(JSON.stringify(head));
  if (binary) hash.update(data);
  return hash.digest();
};

/** Counts records and grows the trees over them, in the log's order. */
export class Census {
  #position: Position = START;
  #tree: Frontier = EMPTY;
  readonly #categories = new Map<string, Category>();

  take(record: RecordedEvent): void {
    const { stream, revision, position } = record;
    const leaf = leafOf(record);
    this.#position = position;
    this.#tree = append(sha256, this.#tree, leaf);
    const name = categoryOf(stream);
    let category = this.#categories.get(name);
    if (!category) this.#categories.set(name, (category = { tree: EMPTY, revisions: new Map() }));
    category.tree = append(sha256, category.tree, leaf);
    category.revisions.set(stream, revision);
  }

  get print(): LogPrint {
    return {
      position: this.#position,
      records: this.#tree.size,
      root: rootText(this.#tree),
      categories: Object.fromEntries(
        [...this.#categories]
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([name, category]) => [name, printOf(category)]),
      ),
    };
  }
}

const printOf = ({ tree, revisions }: Category): CategoryPrint => ({
  streams: revisions.size,
  records: tree.size,
  root: rootText(tree),
  revisions: rootText(
    [...revisions]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map((stream) => hashLeaf(sha256, Buffer.from(JSON.stringify(stream))))
      .reduce<Frontier>((grown, leaf) => append(sha256, grown, leaf), EMPTY),
  ),
});
