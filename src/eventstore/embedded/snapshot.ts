import { join } from 'node:path';
import { shareOrCopy, systemFiles } from '../../platform/files.js';
import { layoutOf } from './layout.js';
import type { Tail } from './recovery.js';
import type { Segments } from './segments.js';

const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * Makes another log of a log up to its end as it is now: full segments, which no longer change, by a hard link (a copy
 * on another file system), of the last one a copy of what is durable. The log may be written to meanwhile, and full
 * segments may be sealed: a link holds whichever whole form was there. The target must be new; nothing else is in it.
 */
export const snapshotLog = async (segments: Segments, end: Tail, target: string): Promise<void> => {
  const { root, log } = layoutOf(target);
  await systemFiles.makeDirectory(log);
  const all = segments.all.slice(0, segments.all.indexOf(end.segment));
  for (const { name, path } of all) await shareOrCopy(path, join(log, name));
  await copyStart(end, join(log, end.segment.name));
  for (const directory of [log, root]) await systemFiles.flushDirectory(directory);
};

const copyStart = async ({ segment, offset: length }: Tail, target: string): Promise<void> => {
  const from = await systemFiles.open(segment.path, 'read');
  const to = await systemFiles.open(target, 'create');
  try {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, length));
    for (let at = 0; at < length; at += piece.length) {
      const bytes = piece.subarray(0, Math.min(piece.length, length - at));
      await from.read(bytes, at);
      await to.write(bytes, at);
    }
    await to.flush();
  } finally {
    await from.close();
    await to.close();
  }
};
