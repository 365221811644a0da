import { hasErrorCode, type Files, type OpenFile } from '../../platform/files.js';
import type { Position } from '../event-store.js';

/** A position as it stands in the file: its 16 digits as bytes, so that they compare as the text does. */
const POSITION_BYTES = 8;

/** The positions of a log's records in their order, 8 bytes each: which leaf a record is. Can be made again. */
export class PositionFile {
  private constructor(private readonly file: OpenFile) {}

  /** Opens the file, or makes it. */
  static async open(files: Files, path: string): Promise<PositionFile> {
    const file = await files.open(path, 'write').catch((error: unknown) => {
      if (hasErrorCode(error, 'ENOENT')) return files.open(path, 'create');
      throw error;
    });
    return new PositionFile(file);
  }

  /** How many positions there is room for: what was not flushed may be anything. */
  async capacity(): Promise<number> {
    return Math.floor((await this.file.size()) / POSITION_BYTES);
  }

  /** Writes positions from the one with that index on, durably. */
  async write(index: number, positions: readonly Position[]): Promise<void> {
    await this.file.write(Buffer.from(positions.join(''), 'hex'), index * POSITION_BYTES);
    await this.file.flush();
  }

  /** The position with an index below the capacity. */
  async at(index: number): Promise<Position> {
    const bytes = Buffer.alloc(POSITION_BYTES);
    await this.file.read(bytes, index * POSITION_BYTES);
    return bytes.toString('hex') as Position;
  }

  /** The index of a position among the first `size`; undefined where it is not there. */
  async find(position: Position, size: number): Promise<number | undefined> {
    const index = await this.countBefore(position, size);
    return index < size && (await this.at(index)) === position ? index : undefined;
  }

  /** How many of the first `size` are before a position. */
  async countBefore(position: Position, size: number): Promise<number> {
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await this.at(middle)) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
