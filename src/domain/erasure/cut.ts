import type { IndexRange } from '../index-ranges.js';
import { rangesOf, type RevisionRanges } from '../revision-ranges.js';

/** What of one chunk is cut out, all that was cut out of it before included. */
export interface ChunkCut {
  readonly revision: number;
  /** The numbers of the events that are gone. */
  readonly indexes: readonly IndexRange[];
  /**
   * The leaf hash of what is left of the record, in hexadecimal digits, as it would have been acknowledged without
   * these events; null where nothing is left and the record as a whole is dropped.
   */
  readonly left: string | null;
}

/** Cuts of chunks by the names of their streams, each chunk once. */
export type ChunkCuts = Readonly<Record<string, readonly ChunkCut[]>>;

/** What is to be taken out of the log's files: whole records, and events of others. */
export interface Removal {
  readonly records: RevisionRanges;
  readonly cuts: ChunkCuts;
}

/** Of cuts that follow each other the last of each chunk: it says all that the others do. */
export const joinCuts = (all: readonly ChunkCuts[]): ChunkCuts => {
  const streams = new Map<string, Map<number, ChunkCut>>();
  for (const cuts of all)
    for (const [stream, list] of Object.entries(cuts)) {
      const found = streams.get(stream) ?? new Map<number, ChunkCut>();
      for (const cut of list) found.set(cut.revision, cut);
      streams.set(stream, found);
    }
  return Object.fromEntries([...streams].map(([stream, cuts]) => [stream, [...cuts.values()]]));
};

/** Where the chunks are. */
export const placesOfCuts = (cuts: ChunkCuts): RevisionRanges =>
  rangesOf(
    Object.entries(cuts).flatMap(([stream, list]) => list.map(({ revision }) => ({ stream, revision }))),
  );
