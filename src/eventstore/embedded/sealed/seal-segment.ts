import type { Files, OpenFile } from '../../../platform/files.js';
import { LogCorrupt } from '../../event-store.js';
import type { Commit } from '../commit.js';
import { chainAfter, HEADER_BYTES } from '../format.js';
import { scanSegment } from '../scan.js';
import type { Segment } from '../segments.js';
import { encodeBlock, type CommitToSeal } from './encode-block.js';
import {
  BLOCK_HEAD_BYTES,
  frameBlock,
  SEALED_HEADER_BYTES,
  writeDirectory,
  writeSealedHeader,
  type BlockPlace,
} from './format.js';
import { SealedFile } from './sealed-file.js';

/** What became of a segment that was encoded anew. */
export interface Sealed {
  readonly records: number;
  /** The number of its last record, and the log's chain after it. */
  readonly last: number;
  readonly chain: Buffer;
  /** Of the lines of telemetry in them, as received. */
  readonly line_bytes: number;
  /** What the records took before, and what they take now. */
  readonly raw_bytes: number;
  readonly bytes: number;
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
 * old one record by record. Leaves the old one as it is. Throws LogCorrupt where either does not check out.
 */
export const sealSegment = async (
  files: Files,
  segment: Segment,
  target: string,
  onShare: OnShare = () => undefined,
): Promise<Sealed> => {
  const source = await files.open(segment.path, 'read');
  try {
    const size = await source.size();
    const file = await files.open(target, 'create');
    try {
      const writer = new SealedWriter(segment, file);
      for await (const commits of rawCommits(segment, source, size)) {
        for (const commit of commits) await writer.add(commit);
        onShare((WRITING_SHARE * (commits.at(-1)?.offset ?? 0)) / size);
      }
      const sealed = await writer.finish();
      await compare(segment, source, size, file, (share) => {
        onShare(WRITING_SHARE + (1 - WRITING_SHARE) * share);
      });
      return sealed;
    } finally {
      await file.close();
    }
  } finally {
    await source.close();
  }
};

async function* rawCommits(segment: Segment, file: OpenFile, size: number): AsyncGenerator<Commit[], void> {
  const scan = scanSegment(segment, file, { from: HEADER_BYTES, to: size, next: segment.first });
  let step = await scan.next();
  for (; !step.done; step = await scan.next()) yield step.value;
  const { found, offset } = step.value;
  if (found === 'damaged_header' || found === 'damaged_commit')
    throw new LogCorrupt(segment.name, offset, 'a commit does not check out');
}

const toSeal = (commit: Commit): CommitToSeal => {
  const leaves = commit.leaves();
  return Array.from({ length: commit.count }, (_, i) => ({
    payload: commit.payload(i),
    leaf: leaves[i] ?? Buffer.alloc(0),
  }));
};

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

  constructor(
    private readonly segment: Segment,
    private readonly file: OpenFile,
  ) {
    this.#first = this.#next = segment.first;
    this.#chain = segment.chain;
  }

  async add(commit: Commit): Promise<void> {
    this.#raw = commit.offset + HEADER_BYTES + commit.bytes;
    if (commit.count === 0) return;
    const records = toSeal(commit);
    this.#chain = chainAfter(
      this.#chain,
      records.map(({ leaf }) => leaf),
    );
    if (!this.#chain.equals(commit.header.chain))
      throw new LogCorrupt(this.segment.name, commit.offset, 'the records are not those of the chain');
    this.#waiting.push(records);
    this.#waiting_bytes += commit.bytes;
    this.#next = commit.last + 1;
    if (this.#waiting_bytes >= BLOCK_BYTES) await this.#write();
  }

  async finish(): Promise<Sealed> {
    await this.#write();
    const directory = writeDirectory(this.#places);
    await this.file.write(directory, this.#offset);
    const header = writeSealedHeader({
      first: this.segment.first,
      last: this.#next - 1,
      raw: this.#raw,
      directory: this.#offset,
      blocks: this.#places.length,
      before: this.segment.chain,
      after: this.#chain,
    });
    await this.file.write(header, 0);
    await this.file.flush();
    return {
      records: this.#next - this.segment.first,
      last: this.#next - 1,
      chain: this.#chain,
      line_bytes: this.#line_bytes,
      raw_bytes: this.#raw,
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

/** Reads the new file and holds each of its records against the old one. */
const compare = async (
  segment: Segment,
  source: OpenFile,
  size: number,
  target: OpenFile,
  onShare: OnShare,
): Promise<void> => {
  const differs = (what: string): never => {
    throw new Error(`${segment.name} was not encoded rightly: ${what}; it stays as it is`);
  };
  const sealed = await SealedFile.open(segment.name, target);
  if (!sealed) return differs('the file cannot be opened');
  const blocks = sealed.blocks();
  let block = await blocks.next();
  let chain = segment.chain;
  let next = segment.first;
  for await (const commits of rawCommits(segment, source, size)) {
    for (const commit of commits) {
      const leaves = commit.leaves();
      for (const [i, leaf] of leaves.entries()) {
        if (!block.done && next > block.value.last) block = await blocks.next();
        if (block.done) return differs(`record ${next} is missing`);
        const at = next - block.value.number;
        if (!block.value.leaf(at).equals(leaf) || !block.value.payload(at).equals(commit.payload(i)))
          return differs(`record ${next} comes back as another one`);
        next += 1;
      }
      if (commit.count > 0) {
        chain = commit.header.chain;
        // The same leaves in the same commits make the same chain.
        if (!block.done && !block.value.endsCommit(next - 1))
          return differs(`no commit ends with record ${next - 1}`);
      }
    }
    onShare((commits.at(-1)?.offset ?? 0) / size);
  }
  if (sealed.header.last !== next - 1 || !sealed.header.after.equals(chain)) differs('it ends elsewhere');
};
