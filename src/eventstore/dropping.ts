import type { RevisionRanges } from '../domain/revision-ranges.js';
import type { Position } from './event-store.js';

/** Takes the content of records out of a log's files. Absent where a server keeps them. */
export interface RecordDropping {
  /**
   * Drops the content of records of telemetry: readers no longer see them, and what proofs need stays. `through`: the
   * newest record that says that they are to be dropped. What was dropped before is left as it is, so that doing it
   * again costs little. Appends nothing. Throws DroppingForbidden.
   */
  drop(records: RevisionRanges, through: Position, options: DroppingOptions): Promise<DroppingResult>;
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
  /** Segments that were encoded anew, and how many of their records were dropped. */
  readonly segments: number;
  readonly records: number;
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
