import { UndecodableColumns } from '../../../domain/telemetry/column-codec/bytes.js';
import type { OpenFile } from '../../../platform/files.js';
import { LogCorrupt } from '../../event-store.js';
import { SealedBlock } from './block.js';
import {
  BLOCK_HEAD_BYTES,
  contentOf,
  directoryBytes,
  readDirectory,
  readSealedHeader,
  SEALED_HEADER_BYTES,
  type BlockPlace,
  type SealedHeader,
} from './format.js';

/** A sealed segment, open for reading. Every byte that is read is checked; what does not check out throws LogCorrupt. */
export class SealedFile {
  private constructor(
    private readonly name: string,
    private readonly file: OpenFile,
    readonly header: SealedHeader,
    private readonly places: readonly BlockPlace[],
  ) {}

  /** Undefined where the file is no sealed segment. `name` is for messages. */
  static async open(name: string, file: OpenFile): Promise<SealedFile | undefined> {
    const bytes = Buffer.alloc(SEALED_HEADER_BYTES);
    await file.read(bytes, 0);
    const header = readSealedHeader(bytes);
    if (!header) return undefined;
    const directory = Buffer.alloc(directoryBytes(header.blocks));
    const length = await file.read(directory, header.directory);
    const places = length === directory.length ? readDirectory(directory) : undefined;
    if (!places)
      throw new LogCorrupt(name, header.directory, 'the directory of its blocks does not check out');
    return new SealedFile(name, file, header, places);
  }

  /** The blocks from the one that holds a record on, in order. */
  async *blocks(from = this.header.first): AsyncGenerator<SealedBlock, void> {
    for (let i = this.#holding(from); i < this.places.length; i += 1) yield await this.#read(i);
  }

  /** The block that holds a record. */
  async block(number: number): Promise<SealedBlock> {
    return this.#read(this.#holding(number));
  }

  /** The chain before the block that begins with a record. */
  chainBefore(number: number): Buffer {
    return this.places[this.#holding(number) - 1]?.chain ?? this.header.before;
  }

  /** Where a block stands that begins with a record. */
  offsetOf(number: number): number {
    return this.places[this.#holding(number)]?.offset ?? SEALED_HEADER_BYTES;
  }

  /** The chain after a record with which a commit ends; undefined where none does. */
  async chainAt(number: number): Promise<Buffer | undefined> {
    if (number < this.header.first || number > this.header.last) return undefined;
    const block = await this.block(number);
    return block.chainAt(this.chainBefore(block.number), number);
  }

  size(): Promise<number> {
    return this.file.size();
  }

  close(): Promise<void> {
    return this.file.close();
  }

  #holding(number: number): number {
    let low = 0;
    let high = this.places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.places[middle]?.number ?? Infinity) <= number) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  async #read(i: number): Promise<SealedBlock> {
    const place = this.places[i];
    if (!place) throw new LogCorrupt(this.name, this.header.directory, 'it has fewer blocks than it says');
    const corrupt = (detail: string): LogCorrupt => new LogCorrupt(this.name, place.offset, detail);
    // Of its own: what is decoded are views of it for as long as somebody holds them.
    const bytes = Buffer.allocUnsafeSlow(BLOCK_HEAD_BYTES + place.length);
    const length = await this.file.read(bytes, place.offset);
    const content = contentOf(bytes.subarray(0, length), place.length);
    if (!content) throw corrupt('a block does not check out');
    try {
      const block = new SealedBlock(place, content);
      const next = this.places[i + 1]?.number ?? this.header.last + 1;
      if (block.last + 1 === next) return block;
    } catch (error) {
      if (!(error instanceof UndecodableColumns)) throw error;
    }
    throw corrupt('a block holds other records than it should');
  }
}
