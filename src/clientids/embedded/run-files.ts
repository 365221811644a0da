import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemFiles } from '../../platform/files.js';
import type { RecentIds } from './id-table.js';
import { filterOf } from './run-filter.js';
import { decodeRun, encodeRun, entriesOf, type RunContents, type RunHeader } from './run-format.js';

/** What is kept of a run in memory. */
export interface RunInMemory {
  readonly header: RunHeader;
  /** For each bucket, and for the end, the number of its first id. */
  readonly directory: Uint32Array;
  readonly filter: Uint32Array;
}

/** A run that is to be made. */
export interface NewRun extends Pick<RunHeader, 'key' | 'checkpoint'> {
  readonly path: string;
  readonly recent: RecentIds;
  /** Runs whose ids it takes in. */
  readonly merged: readonly string[];
  /** How many ids it has at most. */
  readonly most: number;
  /** What was recorded up to this time is left out; epoch milliseconds. */
  readonly after: number;
}

/** Makes and reads files of runs: work over many bytes. */
export interface RunFiles {
  /** Durable, under its name, when it resolves. */
  make(run: NewRun): Promise<RunInMemory>;
  /** Undefined where the file is no run, or not whole. */
  read(path: string): Promise<RunInMemory | undefined>;
}

const inMemory = ({ header, directory, entries }: RunContents): RunInMemory => ({
  header,
  directory,
  filter: filterOf(entries, header.count),
});

const entriesIn = async (path: string): Promise<Buffer> => {
  const read = decodeRun(await readFile(path));
  if (!read) throw new Error(`${path} is damaged.`);
  return read.entries;
};

/** In the thread that calls. */
export const runFiles: RunFiles = {
  make: async ({ path, recent, merged, key, checkpoint, after }) => {
    const parts = [...(await Promise.all(merged.map(entriesIn))), entriesOf(recent, after)];
    const { file: bytes, ...contents } = encodeRun(parts, { key, checkpoint }, after);
    const unnamed = `${path}.new`;
    try {
      const file = await open(unnamed, 'w', 0o640);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(unnamed, path);
      // What it replaces goes when its name is durable, and not before.
      await systemFiles.flushDirectory(dirname(path));
    } catch (error) {
      await rm(unnamed, { force: true });
      throw error;
    }
    return inMemory(contents);
  },
  read: async (path) => {
    const contents = decodeRun(await readFile(path));
    return contents && inMemory(contents);
  },
};
