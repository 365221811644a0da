import { dirname } from 'node:path';
import { hasErrorCode, type Files, type OpenFile } from '../../platform/files.js';

/** Opens a file to read and write it; where it is missing it is made, for good once this resolves. */
export const openOrMake = async (path: string, files: Files): Promise<OpenFile> => {
  try {
    return await files.open(path, 'write');
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
  }
  const directory = dirname(path);
  await files.makeDirectory(directory);
  const file = await files.open(path, 'create');
  await file.flush();
  await files.flushDirectory(directory);
  return file;
};
