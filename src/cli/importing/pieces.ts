import { hash } from 'node:crypto';
import type { Line } from './lines.js';

/** Lines that a batch has at most, and characters from which on it is full. */
export const BATCH_LINES = 2000;
export const BATCH_CHARACTERS = 512 * 1024;

/** Names a text among all others. 22 characters of base64url are 132 bits. */
const nameOf = (text: string): string => hash('sha256', text, 'base64url').slice(0, 22);

/** Some lines, next to one another, that are sent together. */
export interface Piece {
  /** Names these lines, where they stand and all that stands before them. */
  readonly key: string;
  /** The batch that they are of, by the name of its first line. */
  readonly batch: string;
  /** How many lines of the batch stand before them. */
  readonly offset: number;
  /** The number of the first of them; a file's first line is 1. */
  readonly first: number;
  readonly lines: readonly string[];
  /** The lines' names. */
  readonly names: readonly string[];
  /** True: it ends where the file ended and not where a batch does. */
  readonly cut: boolean;
}

/** A line's event by an id of its own. Its first part is the same for a batch, which compresses; the last tells lines apart. */
export const eventIdOf = ({ batch, offset, names }: Piece, index: number): string =>
  `${batch.slice(0, 12)}.${offset + index}.${(names[index] ?? '').slice(0, 6)}`;

/**
 * Cuts lines into batches, and batches into pieces. A line's name is a hash of its text and the name of the line before
 * it, back to `seed`: two lines of one name have the same text and the same history. Batches end by their lines alone,
 * so a file that grows keeps those it had; where it ended before (`cuts`: after how many lines of a batch), a piece
 * ends. The pieces of a file are therefore the same however often it is read, and however it grew in between.
 */
export class PieceMaker {
  #name: string;
  #batch = '';
  #cuts: ReadonlySet<number> = new Set();
  #line_number = 0;
  #in_batch = 0;
  #characters = 0;
  #lines: string[] = [];
  #names: string[] = [];

  constructor(
    seed: string,
    private readonly cutsOf: (batch: string) => ReadonlySet<number>,
  ) {
    this.#name = nameOf(seed);
  }

  /** Takes the next line; the piece that it completes. */
  add({ text }: Pick<Line, 'text'>): Piece | undefined {
    this.#name = nameOf(`${this.#name}${text}`);
    if (this.#in_batch === 0) {
      this.#batch = this.#name;
      this.#cuts = this.cutsOf(this.#batch);
    }
    this.#lines.push(text);
    this.#names.push(this.#name);
    this.#line_number += 1;
    this.#in_batch += 1;
    this.#characters += text.length + 1;
    if (this.#in_batch < BATCH_LINES && this.#characters < BATCH_CHARACTERS)
      return this.#cuts.has(this.#in_batch) ? this.#take(false) : undefined;
    const last = this.#take(false);
    this.#in_batch = 0;
    this.#characters = 0;
    return last;
  }

  /** The lines that no piece has yet. */
  rest(): Piece | undefined {
    return this.#lines.length === 0 ? undefined : this.#take(true);
  }

  #take(cut: boolean): Piece {
    const lines = this.#lines;
    const names = this.#names;
    this.#lines = [];
    this.#names = [];
    return {
      key: `${this.#name}-${lines.length}`,
      batch: this.#batch,
      offset: this.#in_batch - lines.length,
      first: this.#line_number - lines.length + 1,
      lines,
      names,
      cut,
    };
  }
}
