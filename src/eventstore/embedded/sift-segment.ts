import { Sieve, type Sought } from '../../domain/telemetry/query/sift.js';
import { isFiltered, mayMean } from '../../domain/telemetry/query/skip.js';
import type { Files, OpenFile } from '../../platform/files.js';
import { LogCorrupt, type ChunkPlace, type RecordedEvent, type SiftedChunk } from '../event-store.js';
import { siftRecord } from '../sift.js';
import { frameOffsets } from './format.js';
import type { RunPlace } from './log-index.js';
import { readEvent } from './record.js';
import type { SealedBlock } from './sealed/block.js';
import { openForm } from './sealed/open-form.js';
import type { SealedFile } from './sealed/sealed-file.js';
import { TextFilters } from './sealed/text-filters.js';
import type { Segment } from './segments.js';

/** A record to be looked through: which one of a run. */
export interface PlacedChunk extends Pick<ChunkPlace, 'chunk' | 'without'> {
  readonly number: number;
  readonly run: Pick<RunPlace, 'number' | 'count' | 'offset' | 'bytes'>;
}

/** What is to be looked through of one segment. */
export interface SiftTask {
  readonly segment: Segment;
  readonly chunks: readonly PlacedChunk[];
  readonly sought: Sought;
}

/**
 * Looks through chunks of one segment, in the form that the file has now. Nothing of it is kept behind the task. Chunks
 * that the filters of their texts say hold nothing are not read.
 */
export const siftSegment = async (
  files: Pick<Files, 'open' | 'makeDirectory' | 'rename' | 'remove'>,
  { segment, chunks, sought }: SiftTask,
): Promise<readonly (SiftedChunk | undefined)[]> => {
  const sieve = new Sieve(sought);
  const form = await openForm({ open: ({ path }, mode) => files.open(path, mode) }, segment);
  const file = 'sealed' in form ? form.sealed : form.raw;
  try {
    const read = 'sealed' in form ? new BlockReader(form.sealed) : new RunReader(segment, form.raw);
    const filters = 'sealed' in form ? await filtersFor(sought, files, segment, form.sealed) : undefined;
    const sifted: (SiftedChunk | undefined)[] = [];
    for (const chunk of chunks) {
      const filter = filters?.of(chunk.number);
      if (filter && sought.query && !mayMean(sought.query, filter)) {
        sifted.push(undefined);
        continue;
      }
      const event = await read.event(chunk);
      sifted.push(event && siftRecord(sieve, event, chunk));
    }
    return sifted;
  } finally {
    await file.close();
  }
};

/** The filters of a segment, made where there are none; undefined where they can tell nothing of what is sought. */
const filtersFor = async (
  { query }: Sought,
  files: Parameters<typeof TextFilters.make>[0],
  segment: Segment,
  sealed: SealedFile,
): Promise<TextFilters | undefined> =>
  query && isFiltered(query)
    ? ((await TextFilters.read(files, segment, sealed)) ?? (await TextFilters.make(files, segment, sealed)))
    : undefined;

/** Reads records of a sealed segment; those of one block follow each other, and it is decoded once. */
class BlockReader {
  #block: SealedBlock | undefined;

  constructor(private readonly file: SealedFile) {}

  async event({ number }: PlacedChunk): Promise<RecordedEvent | undefined> {
    let block = this.#block;
    if (!block || number < block.number || number > block.last) block = await this.file.block(number);
    this.#block = block;
    return block.event(number - block.number);
  }
}

/**
 * Reads records of a segment in raw form; those of one run follow each other, and it is read once. A record holds until
 * one of another run is read.
 */
class RunReader {
  #room = Buffer.alloc(0);
  #read: { readonly number: number; readonly bytes: Buffer; readonly frames: Uint32Array } | undefined;

  constructor(
    private readonly segment: Segment,
    private readonly file: OpenFile,
  ) {}

  async event({ number, run }: PlacedChunk): Promise<RecordedEvent | undefined> {
    const read = this.#read?.number === run.number ? this.#read : await this.#readRun(run);
    this.#read = read;
    const frame = read.frames[number - run.number];
    return frame === undefined ? undefined : readEvent(read.bytes, frame, number);
  }

  async #readRun({ number, count, offset, bytes: length }: PlacedChunk['run']) {
    if (length > this.#room.length) this.#room = Buffer.allocUnsafeSlow(length);
    const bytes = this.#room.subarray(0, length);
    await this.file.read(bytes, offset);
    const frames = frameOffsets(bytes, 0, { count, length, format: this.segment.format });
    if (!frames) throw new LogCorrupt(this.segment.name, offset, 'records do not check out');
    return { number, bytes, frames };
  }
}
