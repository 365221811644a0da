import { accept, refuse, type Decider, type Decision } from '../decider.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export interface CheckpointSealed {
  readonly type: 'CheckpointSealed';
  readonly data: {
    /** How many records the tree has. */
    readonly size: number;
    /** Its root, in base64. */
    readonly root: string;
    /** The checkpoint as the log signed it. */
    readonly note: string;
  };
}

export const sealEventTypes = ['CheckpointSealed'] as const;

/** The last checkpoint of the log; absent before the first. */
export interface Seals {
  readonly last?: CheckpointSealed['data'];
}

export const initial: Seals = {};

export const evolve = (_seals: Seals, { data }: CheckpointSealed): Seals => ({ last: data });

export const sealsDecider: Decider<Seals, CheckpointSealed> = { initial, evolve };

/**
 * Whether a tree of a size holds something that no checkpoint covers, the checkpoints themselves aside: the first
 * record behind a checkpoint's tree is its own, or came before its own.
 */
export const hasNews = ({ last }: Seals, size: number): boolean => size > (last ? last.size + 1 : 0);

/** Seals a tree. Where nothing is new nothing is recorded; a tree that is smaller than a sealed one is refused. */
export const seal = (seals: Seals, checkpoint: CheckpointSealed['data']): Decision<CheckpointSealed> => {
  if (seals.last && checkpoint.size < seals.last.size)
    return refuse('older_checkpoint', `A checkpoint over ${seals.last.size} records is in the log already.`);
  return accept(hasNews(seals, checkpoint.size) ? [{ type: 'CheckpointSealed', data: checkpoint }] : []);
};
