/** A line without its line break. */
export interface Line {
  readonly text: string;
  /** Whether a line break ended it. */
  readonly ended: boolean;
}

/** Bytes that a line may have, as many as an event. Of a longer one so many are kept, and one more that says so. */
export const LONGEST_LINE = 256 * 1024;
const KEPT = LONGEST_LINE + 1;

const LF = 0x0a;
const CR = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NOTHING = Buffer.alloc(0);

/** Cuts bytes that come in chunks into lines, in bounded memory; the lines do not depend on the chunks. */
export class LineSplitter {
  /** The beginning of a line whose end has not come yet. */
  #begun = NOTHING;
  #first = true;

  /** The lines that end in this chunk. */
  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      yield { text: this.#text(chunk.subarray(from, end)), ended: true };
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  /** What stands behind the last line break. */
  end(): Line | undefined {
    return this.#begun.length === 0 ? undefined : { text: this.#text(NOTHING), ended: false };
  }

  #text(rest: Buffer): string {
    let whole = rest.subarray(0, KEPT);
    if (this.#begun.length > 0) {
      this.#keep(rest);
      whole = this.#begun;
      this.#begun = NOTHING;
    }
    const start = this.#first && whole.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
    this.#first = false;
    return whole.toString('utf8', start, whole[whole.length - 1] === CR ? whole.length - 1 : whole.length);
  }

  #keep(more: Buffer): void {
    const kept = more.subarray(0, KEPT - this.#begun.length);
    if (kept.length > 0) this.#begun = Buffer.concat([this.#begun, kept]);
  }
}
