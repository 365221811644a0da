import type { TreeHead } from './merkle.js';
import { fromBase64 } from './signed-note.js';

/** What a log says of its tree at a size: the text of a note (c2sp.org/tlog-checkpoint) that the log signs. */
export interface Checkpoint extends TreeHead {
  /** Names the log. */
  readonly origin: string;
}

/** Three lines: the log's name, the tree's size, its root. */
export const writeCheckpoint = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;

/** Reads the text of a note as a checkpoint; undefined where it is none. Lines behind the third are passed over. */
export const readCheckpoint = (text: string): Checkpoint | undefined => {
  const [origin = '', digits = '', encoded = '', ...rest] = text.split('\n');
  const size = Number(digits);
  const root = fromBase64(encoded);
  const isWhole = text.endsWith('\n') && rest.slice(0, -1).every((line) => line !== '');
  if (!isWhole || origin === '' || !/^(0|[1-9]\d*)$/.test(digits) || !Number.isSafeInteger(size))
    return undefined;
  return root?.length === 32 ? { origin, size, root } : undefined;
};
