import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Everything that stands in the files of a data directory's log. */
export const bytesOfLog = async (data_directory: string): Promise<Buffer> => {
  const log = join(data_directory, 'log');
  return Buffer.concat(await Promise.all((await readdir(log)).map((name) => readFile(join(log, name)))));
};
