/** Where in the log something is wrong, as far as it can be told. */
export interface Place {
  readonly segment?: string;
  /** Bytes into the segment's file. */
  readonly offset?: number;
  /** Running numbers of the records that are concerned, the first and the last. */
  readonly records?: readonly [first: number, last: number];
}

/**
 * `damaged`: bytes do not check out. `missing`: records, or a whole segment, are not there. `misplaced`: a segment or
 * record stands where another one is due. `changed`: records are not those that their hashes were made of.
 * `differs`: the log does not hold what a signed checkpoint says. `too_short`: it ends before what a checkpoint
 * covers. `not_signed`: a checkpoint is not signed by the log's key, or not by the witness. `nothing_sealed`: no
 * checkpoint vouches for anything. `not_retired`: data is gone, and no record says that it was to go. `not_stated`:
 * events were cut out of a record, and no signed statement says that this is what was to be left of it.
 */
export type ProblemCode =
  | 'damaged'
  | 'missing'
  | 'misplaced'
  | 'changed'
  | 'differs'
  | 'too_short'
  | 'not_signed'
  | 'nothing_sealed'
  | 'not_retired'
  | 'not_stated';

export interface Problem extends Place {
  readonly code: ProblemCode;
  readonly detail: string;
}

/** Told of each problem as it is found. */
export type Report = (problem: Problem) => void;
