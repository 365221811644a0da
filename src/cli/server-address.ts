import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../platform/config.js';

/** Where a running server can be reached: written when it listens, removed when it stops. */
interface ServerAddress {
  readonly url: string;
  readonly pid: number;
}

/** How long a server may take to say that it lives, on a machine that is busy; where none listens it is known at once. */
const ANSWER_MS = 30_000;

const fileOf = (data_directory: string): string => join(data_directory, 'run', 'server.json');

export const announceServer = async (data_directory: string, url: string): Promise<void> => {
  await mkdir(join(data_directory, 'run'), { recursive: true });
  await writeFile(fileOf(data_directory), JSON.stringify({ url, pid: process.pid } satisfies ServerAddress));
};

export const withdrawServer = async (data_directory: string): Promise<void> => {
  await rm(fileOf(data_directory), { force: true });
};

/** The server to talk to: the one configured, else the one running on this data directory; undefined where none runs. */
export const findServer = async (config: Config): Promise<string | undefined> => {
  if (config.PULSESTREAM_URL) return config.PULSESTREAM_URL.replace(/\/$/, '');
  try {
    const { url } = JSON.parse(await readFile(fileOf(config.PULSESTREAM_DATA_DIR), 'utf8')) as ServerAddress;
    const { ok } = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return ok ? url : undefined;
  } catch {
    // No file, or one that a killed server left behind.
    return undefined;
  }
};
