import type { Files, OpenFile } from '../../../platform/files.js';
import { LogCorrupt } from '../../event-store.js';
import type { Commit } from '../commit.js';
import { HEADER_BYTES } from '../format.js';
import { scanSegment } from '../scan.js';
import type { Segment } from '../segments.js';
import type { SealedBlock } from './block.js';
import type { RecordToSeal } from './encode-block.js';
import { SealedFile } from './sealed-file.js';

/** A commit of a segment that is encoded anew. */
export interface SourceCommit {
  readonly records: readonly RecordToSeal[];
  readonly last: number;
  /** About how many bytes it takes in memory. */
  readonly bytes: number;
  /** Where it stands, for messages. */
  readonly offset: number;
  /** The chain after it, as the segment has it; absent where the segment says it of several commits together. */
  readonly chain?: Buffer;
}

/** Some commits that follow each other, and the share of the segment that is read with them, from 0 to 1. */
interface SourcePart {
  readonly commits: readonly SourceCommit[];
  readonly share: number;
}

/** A segment that is no longer written to, in whichever form it is. */
export class Source {
  private constructor(
    private readonly segment: Segment,
    private readonly file: OpenFile,
    private readonly size: number,
    private readonly sealed: SealedFile | undefined,
  ) {}

  static async open(files: Files, segment: Segment): Promise<Source> {
    const file = await files.open(segment.path, 'scan');
    try {
      return new Source(segment, file, await file.size(), await SealedFile.open(segment.name, file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The newest record that says what was taken out of it; 0 where nothing was. */
  get dropped(): number {
    return this.sealed?.header.dropped ?? 0;
  }

  /** Bytes that its records took as they were appended, where that is known before all are read. */
  get raw(): number | undefined {
    return this.sealed?.header.raw;
  }

  /** Its commits, in order; throws LogCorrupt where they do not check out. */
  async *parts(): AsyncGenerator<SourcePart, void> {
    if (this.sealed) yield* sealedParts(this.sealed);
    else yield* this.#rawParts();
  }

  close(): Promise<void> {
    return this.file.close();
  }

  async *#rawParts(): AsyncGenerator<SourcePart, void> {
    const { segment, file, size } = this;
    const scan = scanSegment(segment, file, { from: HEADER_BYTES, to: size, next: segment.first });
    let step = await scan.next();
    for (; !step.done; step = await scan.next())
      yield { commits: step.value.map(ofCommit), share: (step.value.at(-1)?.offset ?? 0) / size };
    const { found, offset } = step.value;
    if (found === 'damaged_header' || found === 'damaged_commit')
      throw new LogCorrupt(segment.name, offset, 'a commit does not check out');
  }
}

const ofCommit = (commit: Commit): SourceCommit => {
  const leaves = commit.leaves();
  const { last, bytes, offset } = commit;
  const records = leaves.map((leaf, i) => ({ payload: commit.payload(i), leaf }));
  return { records, last, bytes, offset, chain: commit.header.chain };
};

async function* sealedParts(sealed: SealedFile): AsyncGenerator<SourcePart, void> {
  const { first, last } = sealed.header;
  for await (const block of sealed.blocks())
    yield {
      commits: [...commitsOf(block, sealed.offsetOf(block.number))],
      share: (block.last + 1 - first) / (last + 1 - first),
    };
}

function* commitsOf(block: SealedBlock, offset: number): Iterable<SourceCommit> {
  let at = 0;
  for (const count of block.commits) {
    const records = Array.from({ length: count }, (_, i) => ({
      payload: block.payload(at + i),
      leaf: block.leaf(at + i),
      dropped: block.isDropped(at + i),
      gone: block.gone(at + i),
    }));
    at += count;
    const last = block.number + at - 1;
    const chain = last === block.last ? { chain: block.chain } : {};
    yield { records, last, bytes: bytesIn(records), offset, ...chain };
  }
}

const bytesIn = (records: readonly RecordToSeal[]): number =>
  records.reduce((sum, { payload }) => sum + payload.length, 0);
