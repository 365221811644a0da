/** What direct reads and writes come in multiples of, in the file and in memory: a page. */
export const BLOCK_BYTES = 4096;

export const blockStart = (offset: number): number => offset - (offset % BLOCK_BYTES);

export const blockEnd = (offset: number): number => blockStart(offset + BLOCK_BYTES - 1);

/** Node has it; the types that know of it are those of browsers. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};
const WASM_PAGE_BYTES = 64 * 1024;

/**
 * Pieces of memory that begin at a page, which no buffer of JavaScript's own does. WebAssembly's memory does; it is
 * made when the first piece is wanted, used again for good, and takes room only where it was written to.
 */
export class AlignedPieces {
  #free: Buffer[] | undefined;

  /** `bytes`: of a piece, a multiple of a page. */
  constructor(
    private readonly count: number,
    private readonly bytes: number,
  ) {}

  /** A piece with anything in it, to be given back; undefined where all are in use, or there are none. */
  take(): Buffer | undefined {
    this.#free ??= this.#make();
    return this.#free.pop();
  }

  give(piece: Buffer): void {
    this.#free?.push(piece);
  }

  #make(): Buffer[] {
    try {
      const initial = Math.ceil((this.count * this.bytes) / WASM_PAGE_BYTES);
      const { buffer } = new WebAssembly.Memory({ initial, maximum: initial });
      return Array.from({ length: this.count }, (_, i) => Buffer.from(buffer, i * this.bytes, this.bytes));
    } catch (error) {
      // Its address space is reserved generously, which not every environment allows.
      if (error instanceof RangeError) return [];
      throw error;
    }
  }
}

/** A megabyte from anywhere on, and more. */
export const PIECE_BYTES = 1024 * 1024 + BLOCK_BYTES * 4;

/** Those of this thread. */
export const alignedPieces = new AlignedPieces(4, PIECE_BYTES);
