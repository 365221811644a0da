import { once } from 'node:events';
import { open, rename, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { basename, dirname } from 'node:path';
import { hasErrorCode } from './files.js';

/** A Unix socket's path is at most this long. */
const MAX_PATH = 100;

export interface Lock {
  free(): Promise<void>;
}

/**
 * Lets one process at a time hold a directory: it listens on a socket there. The operating system ends that with
 * the process, however it dies; what is left is a name on which nobody answers, and that is taken over.
 */
export class DirectoryLock implements Lock {
  private constructor(
    private readonly server: Server,
    private readonly release: () => Promise<void>,
  ) {}

  /** Takes the lock; undefined where another process holds it. */
  static async take(path: string): Promise<DirectoryLock | undefined> {
    // A path that is too long is reached through the directory's descriptor.
    const directory = path.length > MAX_PATH ? await open(dirname(path)) : undefined;
    const address = directory ? `/proc/self/fd/${directory.fd}/${basename(path)}` : path;
    const release = async (): Promise<void> => {
      await directory?.close();
    };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const server = await listen(address);
      if (server) return new DirectoryLock(server, release);
      if (await answers(address)) break;
      await removeStale(address);
    }
    await release();
    return undefined;
  }

  async free(): Promise<void> {
    this.server.close();
    await once(this.server, 'close');
    await this.release();
  }
}

/** Listens on an address; undefined where that name is taken. */
const listen = async (address: string): Promise<Server | undefined> => {
  const server = createServer((connection) => connection.destroy());
  try {
    server.listen(address);
    await once(server, 'listening');
  } catch (error) {
    if (hasErrorCode(error, 'EADDRINUSE')) return undefined;
    throw error;
  }
  server.unref();
  return server;
};

const answers = async (address: string): Promise<boolean> => {
  const connection = createConnection(address);
  try {
    await once(connection, 'connect');
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ECONNREFUSED', 'ENOENT')) return false;
    throw error;
  } finally {
    connection.destroy();
  }
};

/** Moves a dead name aside before it is removed: where another process was faster, its live one is put back. */
const removeStale = async (address: string): Promise<void> => {
  const aside = `${address}.${process.pid}`;
  try {
    await rename(address, aside);
    if (await answers(aside)) await rename(aside, address);
    else await unlink(aside);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
  }
};
