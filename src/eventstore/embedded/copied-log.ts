import type { Files } from '../../platform/files.js';
import type { Random } from '../../platform/random.js';
import type { RecordedEvent } from '../event-store.js';
import { chainAfter, commitBytes, FORMAT, GENESIS, HEADER_BYTES, writeHeader } from './format.js';
import { joinFrames, sealFrames, type SealedFrames } from './frames.js';
import { layoutOf } from './layout.js';
import { encodeEvents, prepareEvents } from './record.js';
import type { SegmentFile } from './segment-file.js';
import { Segments, type Segment } from './segments.js';

/** The directory holds something already. */
export class NotEmpty extends Error {
  constructor(directory: string) {
    super(`${directory} holds a log already: a copy needs a directory of its own`);
    this.name = 'NotEmpty';
  }
}

/** How much of a segment is filled. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

/** What was copied. */
export interface CopiedLog {
  readonly records: number;
  readonly bytes: number;
}

/**
 * Writes records of another store as a log in segment files: the n-th record becomes record number n, with the same
 * payload and so the same leaf hash, under whatever revision it had. Durable when it resolves.
 */
export const copyLog = async (
  batches: AsyncIterable<readonly RecordedEvent[]>,
  directory: string,
  { files, random }: { readonly files: Files; readonly random: Random },
): Promise<CopiedLog> => {
  const layout = layoutOf(directory);
  for (const path of [layout.root, layout.log]) await files.makeDirectory(path);
  const segments = await Segments.load(files, layout, random);
  if (segments.last) throw new NotEmpty(directory);
  let open = await segments.begin(1, GENESIS);
  let copied: CopiedLog = { records: 0, bytes: 0 };
  let chain: Buffer = GENESIS;
  let at = HEADER_BYTES;
  try {
    for await (const records of batches) {
      if (records.length === 0) continue;
      const frames = framesOf(records);
      const length = commitBytes(frames.bytes.length);
      if (at > HEADER_BYTES && at + length > SEGMENT_BYTES) {
        await ended(open.file);
        open = await segments.begin(copied.records + 1, chain);
        at = HEADER_BYTES;
      }
      chain = chainAfter(chain, [frames.leaves]);
      await open.file.append([commitOf(open.segment, copied.records + 1, frames, chain)], at);
      at += length;
      copied = { records: copied.records + records.length, bytes: copied.bytes + length };
    }
  } finally {
    await ended(open.file);
  }
  return copied;
};

const ended = async (file: SegmentFile): Promise<void> => {
  await file.flush();
  await file.close();
};

const framesOf = (records: readonly RecordedEvent[]): SealedFrames => {
  const all = records.map((record) => encodeEvents(prepareEvents(record.stream, [record]), record.revision));
  return sealFrames(joinFrames(all));
};

const commitOf = (
  { salt }: Segment,
  number: number,
  { bytes, starts: { length: count } }: SealedFrames,
  chain: Buffer,
): Buffer => {
  const commit = Buffer.alloc(commitBytes(bytes.length));
  const header = {
    kind: 'commit',
    format: FORMAT,
    number,
    count,
    length: bytes.length,
    chain,
    salt,
  } as const;
  writeHeader(commit, 0, header);
  bytes.copy(commit, HEADER_BYTES);
  return commit;
};
