import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import type { EventId } from '../../domain/ids.js';
import type { Position, RecordedEvent, Revision, StreamName } from '../event-store.js';

/** Where an event stands in the log. */
export type EventPlace = Pick<RecordedEvent, 'id' | 'stream' | 'revision' | 'position'>;

/**
 * Knows every event by its id: the server itself knows a repeat only at the revision of the first try. Made from the
 * log and kept up with it; losing it costs a rebuild, nothing else.
 */
export interface IdIndex {
  find(id: EventId): Pick<EventPlace, 'revision' | 'position'> | undefined;
  /** The highest revision of a stream that is in the index; all lower ones are in it too. */
  lastRevision(stream: StreamName): Revision | undefined;
  /** The event up to which, in the log's order, everything is in the index. */
  checkpoint(): Pick<EventPlace, 'id' | 'position'> | undefined;
  /** Adds events that follow what is known of their streams. An id that is there keeps its first place. */
  add(events: readonly EventPlace[]): Promise<void>;
  /** Adds the events that follow the checkpoint and moves it to the last of them; some may be there already. */
  advance(events: readonly EventPlace[]): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the index in a directory, or makes it; one that cannot be opened is made again. */
export const openIdIndex = async (directory: string): Promise<IdIndex> => {
  try {
    return new LmdbIdIndex(directory);
  } catch {
    await rm(join(directory, FILE), { recursive: true, force: true });
    return new LmdbIdIndex(directory);
  }
};

const FILE = 'eventstoredb-ids.lmdb';
const kind = { id: 0x49, stream: 0x53, checkpoint: 0x4d } as const;
const CHECKPOINT_KEY = Buffer.from([kind.checkpoint]);

const idKey = (id: EventId): Buffer =>
  Buffer.concat([Buffer.from([kind.id]), Buffer.from(id.replaceAll('-', ''), 'hex')]);

/** Hashed: a stream's name may be longer than a key. */
const streamKey = (stream: StreamName): Buffer =>
  Buffer.concat([Buffer.from([kind.stream]), createHash('sha256').update(stream).digest()]);

const writeRevision = (revision: Revision): Buffer => {
  const bytes = Buffer.allocUnsafe(6);
  bytes.writeUIntBE(revision, 0, 6);
  return bytes;
};

class LmdbIdIndex implements IdIndex {
  readonly #db: RootDatabase<Buffer, Buffer>;

  constructor(directory: string) {
    this.#db = open<Buffer, Buffer>({
      path: join(directory, FILE),
      encoding: 'binary',
      keyEncoding: 'binary',
    });
  }

  find(id: EventId): Pick<EventPlace, 'revision' | 'position'> | undefined {
    const value = this.#db.get(idKey(id));
    return (
      value && {
        revision: value.readUIntBE(0, 6) as Revision,
        position: value.toString('hex', 6, 14) as Position,
      }
    );
  }

  lastRevision(stream: StreamName): Revision | undefined {
    return this.#db.get(streamKey(stream))?.readUIntBE(0, 6) as Revision | undefined;
  }

  checkpoint(): Pick<EventPlace, 'id' | 'position'> | undefined {
    const value = this.#db.get(CHECKPOINT_KEY);
    return (
      value && {
        position: value.toString('hex', 0, 8) as Position,
        id: value.toString('latin1', 8) as EventId,
      }
    );
  }

  add(events: readonly EventPlace[]): Promise<void> {
    return this.#write(events, undefined);
  }

  async advance(events: readonly EventPlace[]): Promise<void> {
    const last = events.at(-1);
    const before = this.checkpoint();
    if (last && (!before || last.position > before.position)) await this.#write(events, last);
  }

  async clear(): Promise<void> {
    await this.#db.clearAsync();
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async #write(events: readonly EventPlace[], checkpoint: EventPlace | undefined): Promise<void> {
    // Within one turn of the event loop: one transaction. Only its last promise is looked at, each of the others
    // is the same or settles with it.
    let done: Promise<unknown> = Promise.resolve();
    const put = (key: Buffer, value: Buffer): void => {
      done = this.#db.put(key, value);
      done.catch(ignore);
    };
    const streams = new Map<StreamName, Revision>();
    for (const { id, stream, revision, position } of events) {
      const key = idKey(id);
      if (!this.#db.doesExist(key))
        put(key, Buffer.concat([writeRevision(revision), Buffer.from(position, 'hex')]));
      if (revision > (streams.get(stream) ?? -1)) streams.set(stream, revision);
    }
    for (const [stream, revision] of streams)
      if (revision > (this.lastRevision(stream) ?? -1)) put(streamKey(stream), writeRevision(revision));
    if (checkpoint)
      put(
        CHECKPOINT_KEY,
        Buffer.concat([Buffer.from(checkpoint.position, 'hex'), Buffer.from(checkpoint.id, 'latin1')]),
      );
    await done;
  }
}

/** The transaction's own promise carries the failure. */
const ignore = (): void => undefined;
