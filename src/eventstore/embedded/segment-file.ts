import { alignedPieces, blockEnd, blockStart } from '../../platform/aligned-memory.js';
import { copyBytes } from '../../platform/copy-bytes.js';
import { hasErrorCode, type Files, type OpenFile } from '../../platform/files.js';

const nothing = Buffer.alloc(0);

/**
 * The segment that is written to. Large appends are written past the page cache where that is possible
 * (docs/decisions/direct-writes.md): in whole blocks, the first of which is begun by what stood in it already and the
 * last of which is filled up with zeros. On disk it is the same either way, up to zeros at the end.
 *
 * Each write is flushed before the next, whichever way it takes: so both ways see what the other wrote.
 */
export class SegmentFile {
  #direct: OpenFile | undefined;
  /** What the last block held of before where the last append ended: the next one goes on there. */
  #last = { end: NaN, bytes: nothing };

  private constructor(
    /** By way of the page cache: for everything but large appends. */
    readonly cached: OpenFile,
    private readonly opened: OpenFile | undefined,
    private readonly directBytes: number,
  ) {
    this.#direct = opened;
  }

  /** `cached`: the file of that path, open for writing; `directBytes`: from so many on an append is written directly. */
  static async over(
    cached: OpenFile,
    files: Pick<Files, 'open'>,
    path: string,
    directBytes: number,
  ): Promise<SegmentFile> {
    // Whatever stands in the way of it, the other way is there.
    const direct = await files.open(path, 'direct').catch(() => undefined);
    return new SegmentFile(cached, direct, directBytes);
  }

  /**
   * Writes at an offset behind which there is nothing but zeros, and some zeros more, as room. Where it rejects, any
   * part may have been written.
   */
  async append(appended: readonly Uint8Array[], offset: number, room = nothing): Promise<void> {
    const parts = [...appended, room];
    const bytes = appended.reduce((sum, { length }) => sum + length, 0);
    const piece = this.#direct && bytes >= this.directBytes ? alignedPieces.take() : undefined;
    if (!this.#direct || !piece) return this.cached.write(parts, offset);
    try {
      await this.#appendDirect(this.#direct, piece, parts, offset);
    } catch (error) {
      if (!hasErrorCode(error, 'EINVAL', 'ENOTSUP')) throw error;
      this.#direct = undefined;
      await this.cached.write(parts, offset);
    } finally {
      alignedPieces.give(piece);
    }
  }

  async #appendDirect(
    direct: OpenFile,
    piece: Buffer,
    parts: readonly Uint8Array[],
    offset: number,
  ): Promise<void> {
    let from = blockStart(offset);
    let filled = offset - from;
    if (this.#last.end === offset) piece.set(this.#last.bytes);
    else if ((await this.cached.read(piece.subarray(0, filled), from)) < filled)
      throw new Error(`the file ends before ${offset}, where it is to go on`);
    for (const part of parts)
      for (let taken = 0; taken < part.length;) {
        const more = part.subarray(taken, taken + piece.length - filled);
        copyBytes(more, piece, filled);
        taken += more.length;
        filled += more.length;
        if (filled < piece.length) continue;
        await direct.write(piece, from);
        from += filled;
        filled = 0;
      }
    const stop = blockEnd(filled);
    piece.fill(0, filled, stop);
    if (stop > 0) await direct.write(piece.subarray(0, stop), from);
    this.#last = { end: from + filled, bytes: Buffer.from(piece.subarray(blockStart(filled), filled)) };
  }

  /** Makes what was written durable. */
  flush(): Promise<void> {
    return this.cached.flush();
  }

  truncate(size: number): Promise<void> {
    return this.cached.truncate(size);
  }

  async close(): Promise<void> {
    await this.opened?.close();
    await this.cached.close();
  }
}
