import { START, type Position } from '../../eventstore/event-store.js';
import type { Document, DocumentKey } from '../../readstore/read-store.js';
import type { Change, Projection } from '../projection.js';
import { keyText, type Cached } from './document-cache.js';

/** What leaves one document and what comes back to it. */
export interface DocumentChange extends Change<unknown> {
  readonly key: DocumentKey;
  readonly leaves: unknown[];
  readonly returns: unknown[];
  /** Of the last record of which something comes back. */
  position: Position;
}

/** The changes of some documents, by what each of their records meant to them. */
export class Changes {
  readonly by_key = new Map<string, DocumentChange>();

  add(key: DocumentKey, kind: 'leaves' | 'returns', part: unknown, position: Position): void {
    const text = keyText(key);
    let change = this.by_key.get(text);
    if (!change) {
      change = { key: { tenant: key.tenant, id: key.id }, leaves: [], returns: [], position: START };
      this.by_key.set(text, change);
    }
    change[kind].push(part);
    if (kind === 'returns' && position > change.position) change.position = position;
  }
}

/** The documents that are amended, as their fold has them in memory. */
export interface AmendedDocuments {
  load(keys: readonly DocumentKey[]): Promise<void>;
  /** One that was loaded. */
  use(key: DocumentKey): Cached;
  changed(entry: Cached): void;
  foldAnew(keys: ReadonlyMap<string, DocumentKey>): Promise<void>;
}

interface Asking {
  readonly change: DocumentChange;
  readonly knowing: readonly DocumentKey[];
}

/** Amends documents; those of which it cannot be told what they become are folded anew. */
export const amendDocuments = async (
  { amend }: Pick<Projection<Document, unknown>, 'amend'>,
  changes: Changes,
  documents: AmendedDocuments,
): Promise<void> => {
  if (!amend) return;
  let anew = new Map<string, DocumentKey>();
  const asking: Asking[] = [];
  const settle = (change: DocumentChange, known?: readonly Document[]): void => {
    const { key } = change;
    const entry = documents.use(key);
    const before = entry.document?.position ?? START;
    const position = before > change.position ? before : change.position;
    const amended = amend(entry.document, change, { id: key.id, position }, known);
    if (amended === 'anew') anew.set(keyText(key), key);
    else if ('knowing' in amended)
      asking.push({ change, knowing: amended.knowing.map((id) => ({ tenant: key.tenant, id })) });
    else {
      entry.document = amended.document;
      documents.changed(entry);
    }
  };
  const foldAnew = async (): Promise<void> => {
    const keys = anew;
    anew = new Map();
    await documents.foldAnew(keys);
  };
  await documents.load([...changes.by_key.values()].map(({ key }) => key));
  for (const change of changes.by_key.values()) settle(change);
  await foldAnew();
  // Those that ask for others that ask themselves come after these.
  while (asking.length > 0) {
    const open = asking.splice(0);
    const unsettled = new Set(open.map(({ change }) => keyText(change.key)));
    for (const { change, knowing } of open) {
      if (knowing.some((key) => unsettled.has(keyText(key)))) asking.push({ change, knowing });
      else {
        await documents.load([change.key, ...knowing]);
        settle(
          change,
          knowing.flatMap((key) => documents.use(key).document ?? []),
        );
      }
    }
    await foldAnew();
  }
};
