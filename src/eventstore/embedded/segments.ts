import { join } from 'node:path';
import { hasErrorCode, removeIfThere, type Files, type OpenFile } from '../../platform/files.js';
import type { Random } from '../../platform/random.js';
import { LogCorrupt } from '../event-store.js';
import { FORMAT, GENESIS, HEADER_BYTES, readHeader, writeHeader, type Format } from './format.js';
import { SegmentFile } from './segment-file.js';
import { readSealedHeader, SEALED_HEADER_BYTES } from './sealed/format.js';
import { firstNumberOf, segmentName, type Layout } from './layout.js';

export interface Segment {
  readonly name: string;
  readonly path: string;
  /** Where the filters of its texts are, once it was sealed and they were made (sealed/text-filters.ts). */
  readonly filters: string;
  /** The running number of its first record. */
  readonly first: number;
  /** The log's chain before it. */
  readonly chain: Buffer;
  readonly salt: number;
  readonly format: Format;
}

export const ZEROS = Buffer.alloc(1024 * 1024);

/** Below this the disk would be waited for twice, for the write and for the flush, which is more than copying takes. */
const DIRECT_BYTES = 64 * 1024;

/** Writes zeros over a range. */
export const writeZeros = async (file: OpenFile, from: number, to: number): Promise<void> => {
  for (let at = from; at < to; at += ZEROS.length)
    await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, to - at)), at);
};

/** The segment files of a log, oldest first. The last one is written to. */
export class Segments {
  private constructor(
    private readonly files: Files,
    private readonly layout: Layout,
    private readonly random: Random,
    private readonly list: Segment[],
    private readonly directBytes: number,
  ) {}

  /** Finds the segments and checks that each is what its name says. Writes nothing. */
  static async load(
    files: Files,
    layout: Layout,
    random: Random,
    directBytes = DIRECT_BYTES,
  ): Promise<Segments> {
    const list: Segment[] = [];
    for (const name of await namesIn(files, layout.log)) {
      const segment = await readSegment(files, layout, name);
      const genesis = segment.first === 1 && segment.chain.equals(GENESIS);
      if (list.length === 0 && !genesis)
        throw new LogCorrupt(
          name,
          0,
          'it is the first segment and does not begin the log: one before it is missing',
        );
      list.push(segment);
    }
    return new Segments(files, layout, random, list, directBytes);
  }

  get all(): readonly Segment[] {
    return this.list;
  }

  /** The one that is written to; undefined where the log was never initialised. */
  get last(): Segment | undefined {
    return this.list.at(-1);
  }

  /** The segment that holds a record, or would. */
  holding(number: number): Segment | undefined {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.list[middle]?.first ?? Infinity) <= number) low = middle + 1;
      else high = middle;
    }
    return this.list[low - 1];
  }

  after(segment: Segment): Segment | undefined {
    return this.list[this.list.indexOf(segment) + 1];
  }

  open(segment: Segment, mode: 'read' | 'scan'): Promise<OpenFile> {
    return this.files.open(segment.path, mode);
  }

  /** Opens the last one to write to it. */
  async goOn({ path }: Segment): Promise<SegmentFile> {
    return SegmentFile.over(await this.files.open(path, 'write'), this.files, path, this.directBytes);
  }

  /**
   * Begins the next segment: it is made beside the log and moved into it whole. Where there is no room for it,
   * rejects and leaves everything as it was.
   */
  async begin(first: number, chain: Buffer): Promise<{ segment: Segment; file: SegmentFile }> {
    const name = segmentName(first);
    const segment: Segment = {
      name,
      ...pathsOf(this.layout, name),
      first,
      chain,
      salt: this.random.bytes(4).readUInt32LE(),
      format: FORMAT,
    };
    const header = Buffer.alloc(HEADER_BYTES);
    writeHeader(header, 0, { ...segment, kind: 'segment', number: first, count: 0, length: 0 });
    const file = await this.files.open(this.layout.unfinished, 'create');
    try {
      await file.write(header, 0);
      await file.flush();
      await this.files.rename(this.layout.unfinished, segment.path);
      await this.files.flushDirectory(this.layout.log);
      await this.files.flushDirectory(this.layout.root);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.list.push(segment);
    return { segment, file: await SegmentFile.over(file, this.files, segment.path, this.directBytes) };
  }

  /** Removes what a crash may have left of segments that were being made or encoded anew. */
  async dropUnfinished(): Promise<void> {
    for (const path of [this.layout.unfinished, this.layout.sealing]) await removeIfThere(this.files, path);
  }
}

const pathsOf = ({ log, filters }: Layout, name: string): Pick<Segment, 'path' | 'filters'> => ({
  path: join(log, name),
  filters: join(filters, name),
});

const namesIn = async (files: Files, directory: string): Promise<string[]> => {
  try {
    return await files.list(directory);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
};

const readSegment = async (files: Files, layout: Layout, name: string): Promise<Segment> => {
  const paths = pathsOf(layout, name);
  const first = firstNumberOf(name);
  if (first === undefined)
    throw new LogCorrupt(name, 0, 'it is not a segment, and nothing else belongs here');
  const file = await files.open(paths.path, 'read');
  try {
    const bytes = Buffer.alloc(SEALED_HEADER_BYTES);
    await file.read(bytes, 0);
    const sealed = readSealedHeader(bytes);
    if (sealed?.first === first)
      return { name, ...paths, first, chain: sealed.before, salt: 0, format: FORMAT };
    const header = readHeader(bytes, 0, 'segment');
    if (header?.number !== first) throw new LogCorrupt(name, 0, 'the segment header does not check out');
    const { chain, salt, format } = header;
    return { name, ...paths, first, chain, salt, format };
  } finally {
    await file.close();
  }
};
