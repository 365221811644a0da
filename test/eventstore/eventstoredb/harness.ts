import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EventStoreDbLog,
  type EventStoreDbOptions,
} from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { ofEventStoreDb } from '../../support/eventstoredb-options.js';
import { EventStoreDbServer } from '../../support/eventstoredb-server/server.js';

export interface Installation {
  readonly server: EventStoreDbServer;
  readonly directory: string;
  /** Opens a log of its own: another index, as another process has. */
  open(options?: Partial<EventStoreDbOptions>): Promise<EventStoreDbLog>;
  close(): Promise<void>;
}

/** An imitation server and logs on it. */
export const install = async (seed = 1): Promise<Installation> => {
  const server = await EventStoreDbServer.start({ seed });
  const directory = await mkdtemp(join(tmpdir(), 'pulsestream-eventstoredb-'));
  const open: EventStoreDbLog[] = [];
  return {
    server,
    directory,
    open: async (options) => {
      const log = await EventStoreDbLog.open({
        ...ofEventStoreDb,
        url: server.url,
        indexDirectory: join(directory, String(open.length)),
        ...options,
      });
      open.push(log);
      return log;
    },
    close: async () => {
      await Promise.all(open.map((log) => log.close()));
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
