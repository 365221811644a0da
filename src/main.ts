import { readFileSync } from 'node:fs';
import { compose } from './composition.js';
import { remindOfGuard } from './composition/operating.js';
import { tokens, type Given } from './composition/tokens.js';
import { followGuard, restoreGuard } from './commands/guard-following.js';
import { startChores } from './platform/chores.js';
import type { Config } from './platform/config.js';
import type { Logger } from './platform/logger.js';
import { deriveKeys, readKey, readKeyIfThere } from './platform/secrets.js';
import { logSigner } from './processes/checkpoints/log-signer.js';
import {
  allProcessors,
  decodingAhead,
  decodingProgram,
  type Ahead,
} from './projections/decoding/decoding-threads.js';
import type { Operations } from './replay/operations.js';
import type { Replays } from './replay/replays/replays.js';
import { openStores, type SealingReport } from './stores.js';

const packageVersion = (): string => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
};

/** What has to be closed, the last opened first; closed in full even where one of them fails. */
class Opened {
  readonly #closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse())
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    if (errors.length > 0) throw errors[0];
  }
}

/** Opens something of several parts; where one cannot be opened, those before it are closed again. */
const opening = async <T>(open: (opened: Opened) => Promise<T>): Promise<T & { close(): Promise<void> }> => {
  const opened = new Opened();
  try {
    return { ...(await open(opened)), close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
};

/** Opens the stores and reads the secrets. */
const prepare = async (config: Config, opened: Opened, ahead: Ahead): Promise<Given> => {
  const directory = config.PULSESTREAM_DATA_DIR;
  const stores = await openStores(config);
  opened.add(() => stores.close());
  const secret = config.PULSESTREAM_SECRET ?? (await readKey(directory, 'secret'));
  const operator_token = config.PULSESTREAM_OPERATOR_TOKEN ?? (await readKey(directory, 'operatorToken'));
  const signing_seed = await readKeyIfThere(directory, 'logSigning');
  return {
    ...(signing_seed !== undefined && { signer: logSigner(signing_seed, config.PULSESTREAM_LOG_ORIGIN) }),
    config,
    release: config.PULSESTREAM_RELEASE ?? packageVersion(),
    keys: deriveKeys(secret),
    operator_token,
    stores,
    ahead,
  };
};

/** The operator's work on the stores themselves, with no server: the read models are followed; retention alone writes to the log. */
export const openOperations = (
  config: Config,
): Promise<{ readonly operations: Operations; readonly replays: Replays; close(): Promise<void> }> =>
  opening(async (opened) => {
    const ahead = decodingAhead(decodingProgram, { threads: allProcessors() });
    const given = await prepare(config, opened, ahead);
    const get = compose(given);
    // Retention writes records: not while a deployment is under way.
    await restoreGuard(given.stores.log, get(tokens.guard));
    const host = get(tokens.host);
    opened.add(() => host.stop());
    await host.start();
    const replays = get(tokens.replays);
    opened.add(() => replays.stop());
    return { operations: get(tokens.operations), replays };
  });

/** A server that answers. */
export interface RunningServer {
  readonly url: string;
  /** Resolves with what ended it, where nobody closed it. */
  readonly failed: Promise<Error>;
  /** Finishes what was begun, then closes everything. */
  close(): Promise<void>;
}

/** Starts all roles in this process: read models, process managers, API. Appends nothing. */
export const startPulseStream = (config: Config): Promise<RunningServer> =>
  opening(async (opened) => {
    const given = await prepare(config, opened, decodingAhead(decodingProgram));
    const { stores } = given;
    const { log } = stores;
    const get = compose(given);
    const [guard, eraser, chores] = [get(tokens.guard), get(tokens.eraser), get(tokens.chores)];
    const [clientIds, host, replays] = [get(tokens.clientIds), get(tokens.host), get(tokens.replays)];
    const [deployments, processes] = [get(tokens.deployments), get(tokens.processes)];
    const [api, passwords, logger] = [get(tokens.api), get(tokens.passwords), get(tokens.logger)];
    opened.add(() => passwords.close());

    const following = new AbortController();
    const restored = await restoreGuard(log, guard);
    const guardFollowed = followGuard(log, guard, restored, following.signal);
    opened.add(async () => {
      following.abort();
      await Promise.allSettled([guardFollowed]);
    });
    // What was begun is finished before anybody can ask.
    await eraser.carryOut();
    opened.add(() => clientIds.close());
    await clientIds.start();
    opened.add(() => host.stop());
    await host.start();
    opened.add(() => replays.stop());
    await replays.restore();
    opened.add(() => Promise.all(processes.map((one) => one.stop())));
    for (const one of processes) one.start();
    const atWork = startChores(chores, (chore, error) => {
      logger.warn({ err: error, chore }, 'Something that is done again and again could not be done.');
    });
    opened.add(() => atWork.stop());
    opened.add(() => deployments.close());
    if (config.PULSESTREAM_SEALING) stores.startSealing?.(sealingLog(logger));
    opened.add(() => api.close());
    const { port } = await api.listen(config.PORT, config.HOST);
    remindOfGuard(guard, logger);
    if (!given.signer)
      logger.warn('There is no key to sign checkpoints of the log with; pulsestream init makes it.');

    const failed = new Promise<Error>((resolve) => {
      const end = (error: unknown): void => {
        if (!following.signal.aborted) resolve(error instanceof Error ? error : new Error(String(error)));
      };
      guardFollowed.catch(end);
      host.ended().then((error) => {
        if (error) end(error);
      }, end);
    });
    return { url: `http://${hostOf(config.HOST)}:${port}`, failed };
  });

/** Tells the log file of the process what becomes of segments. */
const sealingLog = (logger: Logger): SealingReport => ({
  sealed: (segment, { records, raw_bytes, bytes }) => {
    logger.info({ segment, records, raw_bytes, bytes }, 'A full segment was sealed.');
  },
  failed: (error) => {
    logger.warn({ err: error }, 'A full segment could not be sealed; it stays as it is.');
  },
});

/** An address as it stands in a URL; the ones that mean every interface are reached by the loopback. */
const hostOf = (host: string): string => {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
};
