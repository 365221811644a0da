import { createHash } from 'node:crypto';
import { SYSTEM_TENANT } from '../domain/ids.js';
import { parsePosition, type Position } from '../eventstore/event-store.js';
import type { Collection, Document, ReadStore } from '../readstore/read-store.js';

/** A process manager's state, and the position that it reflects. */
export interface Snapshot {
  readonly position: Position;
  readonly state: Uint8Array;
}

interface Part extends Document {
  readonly bytes: Uint8Array;
}

/** Which of the two places holds the last whole snapshot. Written last, so that half a snapshot is never read. */
interface Pointer {
  readonly place: number;
  readonly position: string;
  readonly parts: number;
  readonly digest: string;
}

const PART_BYTES = 1024 * 1024;

/** States of process managers in the read store, where they may be lost like everything in it. */
export class Snapshots {
  constructor(private readonly store: ReadStore) {}

  /** The last snapshot; undefined where there is none, or not all of it. */
  async load(name: string): Promise<Snapshot | undefined> {
    const pointer = (await this.store.register.get(keyOf(name)))?.value as unknown as Pointer | undefined;
    const position = pointer && parsePosition(pointer.position);
    if (!position) return undefined;
    const collection = await this.#open();
    const keys = partIds(name, pointer).map((id) => ({ tenant: SYSTEM_TENANT, id }));
    const found = new Map((await collection.load(keys)).map(({ key, document }) => [key.id, document.bytes]));
    const state = Buffer.concat(keys.map(({ id }) => found.get(id) ?? new Uint8Array(0)));
    return digestOf(state) === pointer.digest ? { position, state } : undefined;
  }

  /** Keeps a snapshot in place of the one before the last. */
  async save(name: string, { position, state }: Snapshot): Promise<void> {
    const entry = await this.store.register.get(keyOf(name));
    const last = entry?.value as unknown as Pointer | undefined;
    const parts = Math.max(1, Math.ceil(state.length / PART_BYTES));
    const pointer = { place: last?.place === 0 ? 1 : 0, position, parts, digest: digestOf(state) };
    const collection = await this.#open();
    await collection.write(
      partIds(name, pointer).map((id, part) => ({
        tenant: SYSTEM_TENANT,
        id,
        document: { id, position, bytes: state.subarray(part * PART_BYTES, (part + 1) * PART_BYTES) },
      })),
    );
    // Where another instance was quicker its snapshot is as good.
    await this.store.register.set(keyOf(name), pointer, entry?.version ?? 0);
  }

  #open(): Promise<Collection<Part>> {
    return this.store.collection<Part>({ name: 'process-snapshots-v1', indexes: [] });
  }
}

const keyOf = (name: string): string => `processes/${name}`;

const partIds = (name: string, { place, parts }: Pointer): readonly string[] =>
  Array.from({ length: parts }, (_, part) => `${name}/${String(place)}/${String(part)}`);

const digestOf = (state: Uint8Array): string => createHash('sha256').update(state).digest('hex');
