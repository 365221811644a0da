import { join } from 'node:path';
import { LogClientIds } from './clientids/embedded/log-client-ids.js';
import { runProgram } from './clientids/embedded/run-thread.js';
import type { LogSnapshots } from './deployments/backup.js';
import { EmbeddedEventStore } from './eventstore/embedded/embedded-event-store.js';
import { copyLog, type CopiedLog } from './eventstore/embedded/copied-log.js';
import { logThreads } from './eventstore/embedded/log-threads.js';
import { payloadOf } from './eventstore/embedded/record.js';
import type { SealingReport } from './eventstore/embedded/sealed/sealing.js';
import { sealingProgram } from './eventstore/embedded/sealed/sealing-thread.js';
import { siftingProgram } from './eventstore/embedded/sifting.js';
import type { EmbeddedOptions } from './eventstore/embedded/options.js';
import type { RecordDropping } from './eventstore/dropping.js';
import type { EventLogWriter } from './eventstore/event-log-writer.js';
import type { EventLog } from './eventstore/event-store.js';
import type { LogTree } from './eventstore/log-tree.js';
import type { EventStoreDbLog } from './eventstore/eventstoredb/event-store-db-log.js';
import { systemClock } from './platform/clock.js';
import type { Config } from './platform/config.js';
import { systemFiles } from './platform/files.js';
import { systemRandom } from './platform/random.js';
import { initialiseKeys, readKey } from './platform/secrets.js';
import { KeyFile } from './personkeys/embedded/key-file.js';
import { PseudonymFile } from './personkeys/embedded/pseudonym-file.js';
import type { PersonKeys } from './personkeys/person-keys.js';
import type { PseudonymStore } from './personkeys/pseudonym-store.js';
import { EmbeddedReadStore } from './readstore/embedded/embedded-read-store.js';
import type { ReadStore } from './readstore/read-store.js';
import type { LogInspection, LogVerification } from './replay/operations.js';

export type { SealingReport };

/** The stores that this process works on, whichever they are. */
export interface Stores {
  readonly log: EventLog & EventLogWriter;
  /** Absent where the log is a server's. */
  readonly inspection?: LogInspection;
  /** The Merkle tree over the records of the log. */
  readonly tree: LogTree;
  /** Absent where the log is a server's. */
  readonly snapshots?: LogSnapshots;
  /** Takes content out of the log's files; absent where the log is a server's. */
  readonly dropping?: RecordDropping;
  /** From now on seals full segments of the log; absent where the log is a server’s. */
  startSealing?(report: SealingReport): void;
  readonly readStore: ReadStore;
  /** The keys under which the log has what it says of people. */
  readonly personKeys: PersonKeys;
  /** Whose the pseudonyms in telemetry are; absent where the log's files can be rewritten, and telemetry has none. */
  readonly pseudonyms?: PseudonymStore;
  close(): Promise<void>;
}

/** The data directory was not made, or not to the end. */
export class DataDirectoryMissing extends Error {
  constructor(directory: string) {
    super(`${directory} is not initialised.`);
    this.name = 'DataDirectoryMissing';
  }
}

/** Whether the data directory was made to the end: its keys are made last. */
export const isInitialised = (config: Config): Promise<boolean> =>
  readKey(config.PULSESTREAM_DATA_DIR, 'operatorToken').then(
    () => true,
    () => false,
  );

const readModelsOf = (config: Config): string => join(config.PULSESTREAM_DATA_DIR, 'readmodels');

/** The compiled programs of the embedded log's threads; without one, its work is done where it comes up. */
export type LogPrograms = Pick<EmbeddedOptions, 'threads' | 'sealing' | 'sifting'>;
const compiledPrograms: LogPrograms = {
  threads: logThreads,
  sealing: sealingProgram,
  sifting: siftingProgram,
};

const embeddedOptions = (config: Config, programs: LogPrograms = compiledPrograms): EmbeddedOptions => ({
  files: systemFiles,
  clock: systemClock,
  random: systemRandom,
  ...programs,
  segmentBytes: config.PULSESTREAM_SEGMENT_MEGABYTES * 1024 * 1024,
});

/** Makes the data directory: its keys, and the embedded stores that the configuration asks for. */
export const initialiseStores = async (config: Config): Promise<void> => {
  const { PULSESTREAM_DATA_DIR, EVENTSTOREDB_URL, MONGODB_URL } = config;
  if (!EVENTSTOREDB_URL) await EmbeddedEventStore.initialise(PULSESTREAM_DATA_DIR, embeddedOptions(config));
  if (!MONGODB_URL) await EmbeddedReadStore.initialise(readModelsOf(config));
  // Last: a directory with keys is one that was made to the end.
  await initialiseKeys(PULSESTREAM_DATA_DIR, systemRandom);
};

/** Makes the keys that a data directory of an earlier release has not, and names them. */
export const addMissingKeys = (config: Config): Promise<readonly string[]> =>
  initialiseKeys(config.PULSESTREAM_DATA_DIR, systemRandom);

/** Opens the stores. Never makes a log: a directory without one is an error. */
export const openStores = async (config: Config, programs?: LogPrograms): Promise<Stores> => {
  if (!(await isInitialised(config))) throw new DataDirectoryMissing(config.PULSESTREAM_DATA_DIR);
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const store of opened.splice(0).reverse()) await store.close();
  };
  try {
    const log = await openLog(config, programs);
    opened.push(log);
    const readStore = await openReadStore(config);
    opened.push(readStore);
    const personKeys = await openPersonKeys(config);
    opened.push(personKeys);
    const pseudonyms = config.EVENTSTOREDB_URL ? await openPseudonyms(config) : undefined;
    if (pseudonyms) opened.push(pseudonyms);
    return {
      log,
      tree: log.tree,
      personKeys,
      ...(pseudonyms && { pseudonyms }),
      ...(log instanceof EmbeddedEventStore && {
        inspection: log,
        snapshots: log,
        dropping: log.dropping,
        startSealing: (report: SealingReport) => {
          log.startSealing(report);
        },
      }),
      readStore,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};

// The clients of servers are loaded where they are used alone: they would double the memory and the time of a start.

const openLog = async (
  config: Config,
  programs: LogPrograms | undefined,
): Promise<EmbeddedEventStore | EventStoreDbLog> => {
  const { EVENTSTOREDB_URL: url, PULSESTREAM_DATA_DIR: directory } = config;
  if (!url) return EmbeddedEventStore.open(directory, embeddedOptions(config, programs));
  const { EventStoreDbLog } = await import('./eventstore/eventstoredb/event-store-db-log.js');
  return EventStoreDbLog.open({
    url,
    indexDirectory: join(directory, 'index'),
    files: systemFiles,
    clock: systemClock,
    payloadOf,
  });
};

const openReadStore = async (config: Config): Promise<ReadStore> => {
  const { MONGODB_URL: url, PULSESTREAM_MONGODB_DATABASE: database } = config;
  if (!url) {
    // Read models that were thrown away are made again: unlike the log, an empty one loses nothing.
    await EmbeddedReadStore.initialise(readModelsOf(config));
    return EmbeddedReadStore.open(readModelsOf(config));
  }
  const { MongoReadStore } = await import('./readstore/mongodb/mongo-read-store.js');
  return MongoReadStore.connect(url, { database });
};

/**
 * Copies a log that a server keeps into segment files of its own, to be verified without it. Reads the server and
 * nothing else: neither keys nor a data directory are needed. Throws where the directory holds a log.
 */
export const copyServerLog = async (
  url: string,
  directory: string,
  onRecords: (count: number) => void,
): Promise<CopiedLog> => {
  const { readServer } = await import('./eventstore/eventstoredb/reading-server.js');
  const batches = async function* () {
    for await (const { events } of readServer(url)) {
      yield events;
      onRecords(events.length);
    }
  };
  return copyLog(batches(), directory, { files: systemFiles, random: systemRandom });
};

/** Beside the read models where they are a server's; never among them: read models may be thrown away. */
const openPersonKeys = async (config: Config): Promise<PersonKeys> => {
  const { MONGODB_URL: url } = config;
  if (!url) {
    const path = join(keysOf(config), 'people');
    // Whoever has an embedded log open has the whole directory.
    return config.EVENTSTOREDB_URL ? KeyFile.openLocked(path, systemFiles) : KeyFile.open(path, systemFiles);
  }
  const { MongoPersonKeys } = await import('./personkeys/mongodb/mongo-person-keys.js');
  return MongoPersonKeys.connect(url, { database: keyDatabaseOf(config) });
};

/** In the same place. */
const openPseudonyms = async (config: Config): Promise<PseudonymStore> => {
  const { MONGODB_URL: url } = config;
  // Whoever has the keys of people open, under their lock, has these.
  if (!url) return PseudonymFile.open(join(keysOf(config), 'pseudonyms'), systemFiles);
  const { MongoPseudonyms } = await import('./personkeys/mongodb/mongo-pseudonyms.js');
  return MongoPseudonyms.connect(url, { database: keyDatabaseOf(config) });
};

const keysOf = ({ PULSESTREAM_DATA_DIR }: Config): string => join(PULSESTREAM_DATA_DIR, 'keys');
const keyDatabaseOf = ({ PULSESTREAM_MONGODB_DATABASE }: Config): string =>
  `${PULSESTREAM_MONGODB_DATABASE}-keys`;

/** The index of client ids on a log; nothing is opened before it is started. */
export const clientIdsOn = (
  log: EventLog,
  config: Config,
  onTrouble: (error: unknown) => void,
): LogClientIds =>
  new LogClientIds({
    directory: join(config.PULSESTREAM_DATA_DIR, 'index', `client-ids-${config.PULSESTREAM_SHARD}`),
    log,
    clock: systemClock,
    random: systemRandom,
    shared: config.EVENTSTOREDB_URL !== undefined,
    thread: runProgram,
    onTrouble,
  });

/** Checks an embedded log that nobody has open, damaged as it may be. */
export const verifyClosedLog = (
  config: Config,
  onProgress: Parameters<LogInspection['verify']>[0],
): Promise<LogVerification> =>
  EmbeddedEventStore.verifyAt(config.PULSESTREAM_DATA_DIR, embeddedOptions(config), onProgress);
