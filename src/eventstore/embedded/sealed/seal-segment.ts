import type { Removal } from '../../../domain/erasure/cut.js';
import type { Files, OpenFile } from '../../../platform/files.js';
import { LogCorrupt } from '../../event-store.js';
import { chainAfter, HEADER_BYTES } from '../format.js';
import type { Segment } from '../segments.js';
import type { SealedBlock } from './block.js';
import { encodeBlock, type CommitToSeal, type RecordToSeal } from './encode-block.js';
import {
  BLOCK_HEAD_BYTES,
  frameBlock,
  SEALED_HEADER_BYTES,
  writeDirectory,
  writeSealedHeader,
  type BlockPlace,
} from './format.js';
import { SealedFile } from './sealed-file.js';
import { removing, type Remove } from './removing.js';
import { Source, type SourceCommit } from './source.js';
import { TextFilters } from './text-filters.js';

/** What became of a segment that was encoded anew. */
export interface Sealed {
  readonly records: number;
  /** How many of them were dropped this time, and out of how many events were cut. */
  readonly dropped: number;
  readonly cut: number;
  /** The number of its last record, and the log's chain after it. */
  readonly last: number;
  readonly chain: Buffer;
  /** Of the lines of telemetry in them, as received. */
  readonly line_bytes: number;
  /** What the records took before, and what they take now. */
  readonly raw_bytes: number;
  readonly bytes: number;
}

/** What is to be taken out of records of telemetry. Others that are named stay as they are. */
export interface Dropping extends Removal {
  /** The number of the newest record of the log that says so. */
  readonly through: number;
}

/** Called after each piece of work with the share of the segment that is done, from 0 to 1. */
export type OnShare = (share: number) => void;

/** Whole commits up to so many bytes make one block. */
const BLOCK_BYTES = 1024 * 1024;
/** Flushed a piece at a time: appends to the segment in use wait for the same disk. */
const FLUSHED_BYTES = 4 * 1024 * 1024;
/** Writing is most of the work; reading back is the rest. */
const WRITING_SHARE = 0.8;

/**
 * Encodes a segment that is no longer written to into a new file, flushes it, reads it back and compares it with the
 * old one record by record, and makes the filters of its texts. Leaves the old one as it is. Throws LogCorrupt where
 * either does not check out. What is to be taken out of records is gone from the new one; what was taken out before
 * stays so.
 */
export const sealSegment = async (
  files: Files,
  segment: Segment,
  target: string,
  onShare: OnShare = () => undefined,
  dropping?: Dropping,
): Promise<Sealed> => {
  const source = await Source.open(files, segment);
  const remove = removing(segment.name, dropping);
  try {
    const file = await files.open(target, 'create');
    try {
      const writer = new SealedWriter(segment, file);
      for await (const { commits, share } of source.parts()) {
        for (const commit of commits) await writer.add(lessened(commit, remove));
        onShare(WRITING_SHARE * share);
      }
      const through = Math.max(source.dropped, dropping?.through ?? 0);
      const sealed = await writer.finish(through, source.raw);
      const removed = await compare(segment, source, file, remove, (share) => {
        onShare(WRITING_SHARE + (1 - WRITING_SHARE) * share);
      });
      const made = await SealedFile.open(segment.name, file);
      if (made) await TextFilters.make(files, segment, made);
      return { ...sealed, ...removed };
    } finally {
      await file.close();
    }
  } finally {
    await source.close();
  }
};

const lessened = (commit: SourceCommit, remove: Remove): SourceCommit => ({
  ...commit,
  records: commit.records.map((record) => remove(record) ?? record),
});

/** Writes a sealed file: its blocks one after another, the header last. */
class SealedWriter {
  readonly #places: BlockPlace[] = [];
  #waiting: CommitToSeal[] = [];
  #waiting_bytes = 0;
  #first: number;
  #next: number;
  #chain: Buffer;
  #offset = SEALED_HEADER_BYTES;
  #unflushed = 0;
  #raw = 0;
  #line_bytes = 0;
  #cut = false;

  constructor(
    private readonly segment: Segment,
    private readonly file: OpenFile,
  ) {
    this.#first = this.#next = segment.first;
    this.#chain = segment.chain;
  }

  async add({ records, bytes, offset, last, chain }: SourceCommit): Promise<void> {
    this.#raw = offset + HEADER_BYTES + bytes;
    if (records.length === 0) return;
    this.#chain = chainAfter(
      this.#chain,
      records.map(({ leaf }) => leaf),
    );
    if (chain && !this.#chain.equals(chain))
      throw new LogCorrupt(this.segment.name, offset, 'the records are not those of the chain');
    this.#cut ||= records.some(({ gone = [] }) => gone.length > 0);
    this.#waiting.push(records);
    this.#waiting_bytes += bytes;
    this.#next = last + 1;
    if (this.#waiting_bytes >= BLOCK_BYTES) await this.#write();
  }

  /** `raw`: what the records took as they were appended, where the commits do not tell. */
  async finish(dropped: number, raw = this.#raw): Promise<Omit<Sealed, 'dropped' | 'cut'>> {
    await this.#write();
    const directory = writeDirectory(this.#places);
    await this.file.write(directory, this.#offset);
    const header = writeSealedHeader(
      {
        first: this.segment.first,
        last: this.#next - 1,
        raw,
        directory: this.#offset,
        blocks: this.#places.length,
        dropped,
        before: this.segment.chain,
        after: this.#chain,
      },
      this.#cut,
    );
    await this.file.write(header, 0);
    await this.file.flush();
    return {
      records: this.#next - this.segment.first,
      last: this.#next - 1,
      chain: this.#chain,
      line_bytes: this.#line_bytes,
      raw_bytes: raw,
      bytes: this.#offset + directory.length,
    };
  }

  async #write(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const { content, line_bytes } = encodeBlock(this.#waiting);
    const block = frameBlock(content);
    this.#line_bytes += line_bytes;
    await this.file.write(block, this.#offset);
    this.#places.push({
      number: this.#first,
      offset: this.#offset,
      length: block.length - BLOCK_HEAD_BYTES,
      chain: this.#chain,
    });
    this.#offset += block.length;
    this.#unflushed += block.length;
    if (this.#unflushed >= FLUSHED_BYTES) {
      await this.file.flush();
      this.#unflushed = 0;
    }
    this.#first = this.#next;
    this.#waiting = [];
    this.#waiting_bytes = 0;
  }
}

/** Reads the new file and holds each of its records against the old one; says how many were dropped and cut. */
const compare = async (
  segment: Segment,
  source: Source,
  target: OpenFile,
  remove: Remove,
  onShare: OnShare,
): Promise<Pick<Sealed, 'dropped' | 'cut'>> => {
  const differs = (what: string): never => {
    throw new Error(`${segment.name} was not encoded rightly: ${what}; it stays as it is`);
  };
  const sealed = await SealedFile.open(segment.name, target);
  if (!sealed) return differs('the file cannot be opened');
  const blocks = sealed.blocks();
  let block = await blocks.next();
  let chain = segment.chain;
  let next = segment.first;
  let dropped = 0;
  let cut = 0;
  for await (const { commits, share } of source.parts()) {
    for (const commit of commits) {
      for (const record of commit.records) {
        if (!block.done && next > block.value.last) block = await blocks.next();
        if (block.done) return differs(`record ${next} is missing`);
        const removed = remove(record);
        if (!isSame(block.value, next - block.value.number, removed ?? record))
          return differs(`record ${next} comes back as another one`);
        if (removed?.dropped) dropped += 1;
        else if (removed) cut += 1;
        next += 1;
      }
      if (commit.records.length > 0) {
        if (commit.chain) ({ chain } = commit);
        // The same leaves in the same commits make the same chain.
        if (!block.done && !block.value.endsCommit(next - 1))
          return differs(`no commit ends with record ${next - 1}`);
      }
    }
    onShare(share);
  }
  if (sealed.header.last !== next - 1 || !sealed.header.after.equals(chain)) differs('it ends elsewhere');
  return { dropped, cut };
};

/** Whether a record of the new file is what it should be, down to what is gone of it. */
const isSame = (
  block: SealedBlock,
  at: number,
  { payload, leaf, dropped, gone = [] }: RecordToSeal,
): boolean =>
  block.leaf(at).equals(leaf) &&
  block.isDropped(at) === (dropped === true) &&
  block.gone(at).join() === gone.join() &&
  block.payload(at).equals(payload);
