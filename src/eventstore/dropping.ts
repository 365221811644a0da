import type { ChunkCut, Removal } from '../domain/erasure/cut.js';
import type { Position } from './event-store.js';

/** Takes the content of records out of a log's files. Absent where a server keeps them. */
export interface RecordDropping {
  /**
   * Drops the content of records of telemetry, and cuts events out of others: readers no longer see them, and what
   * proofs need stays. `through`: the newest record that says what is to be gone; all that is said up to it, and was not
   * taken out before, has to be in `removal`. What was taken out before is left as it is, so that doing it again costs
   * little. Appends nothing. Throws DroppingForbidden.
   */
  drop(removal: Removal, through: Position, options: DroppingOptions): Promise<DroppingResult>;

  /** What records would be without some of their events, all of which are numbered as in the chunk. */
  foresee(cuts: readonly PlannedCut[]): Promise<readonly ForeseenCut[]>;
}

/** Events that are to be cut out of a record. */
export interface PlannedCut {
  readonly position: Position;
  readonly indexes: ChunkCut['indexes'];
}

/** What proves of a record what was cut out of it: leaf hashes in hexadecimal digits. */
export interface ForeseenCut {
  /** Of the record as it was acknowledged. */
  readonly leaf: string;
  /** Of what is left; null where that is nothing. */
  readonly left: string | null;
}

export interface DroppingOptions {
  /** Asked before each file, and once more before its new form takes the old one's place. */
  readonly isAllowed: () => boolean;
  /** Gives up what is under way: the old form stays. */
  readonly signal: AbortSignal;
  /** Called after each piece of work with the share that is done, from 0 to 1. */
  readonly onShare?: (share: number) => void;
}

/** What dropping came to. */
export interface DroppingResult {
  /** Segments that were encoded anew, how many of their records were dropped, and out of how many events were cut. */
  readonly segments: number;
  readonly records: number;
  readonly cut: number;
  /** What those segments took before, and what they take now. */
  readonly before_bytes: number;
  readonly bytes: number;
}

/** Something says that no content may be taken out of the log now; what is there stays as it is. */
export class DroppingForbidden extends Error {
  constructor() {
    super('Nothing may be dropped now.');
    this.name = 'DroppingForbidden';
  }
}
