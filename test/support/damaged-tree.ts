import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import type { Damage } from '../contract/log-tree.contract.js';

/** Damages a file that a tree is kept in. */
export const damageFile = async (path: string, damage: Damage): Promise<void> => {
  if (damage === 'lost') return rm(path);
  const bytes = await readFile(path);
  if (damage === 'cut off') return truncate(path, Math.floor(bytes.length / 2));
  return writeFile(
    path,
    bytes.map((byte) => byte ^ 0x5a),
  );
};
