import type { NamedSeries } from '../metrics/partials.js';

/** Names that a thread tells for the first time: those before the first of them are known, or hold no more. */
export interface AddedNames {
  readonly thread: number;
  readonly first: number;
  readonly names: readonly NamedSeries[];
}

/** So many are remembered on both sides, then all begins anew. */
const MOST_NAMES = 50_000;

/** Numbers the names of series, in the thread that meets them: each is told once. */
export class NameWriter {
  readonly #numbers = new Map<NamedSeries, number>();
  #names: NamedSeries[] = [];
  #first = 0;

  constructor(private readonly thread: number) {}

  /** Begins what is told next. */
  begin(): void {
    if (this.#numbers.size > MOST_NAMES) this.#numbers.clear();
    this.#first = this.#numbers.size;
    this.#names = [];
  }

  numbersOf(series: readonly NamedSeries[]): Uint32Array {
    return Uint32Array.from(series, (name) => {
      let number = this.#numbers.get(name);
      if (number === undefined) {
        number = this.#numbers.size;
        this.#numbers.set(name, number);
        this.#names.push(name);
      }
      return number;
    });
  }

  /** What was met since it began. */
  added(): AddedNames {
    return { thread: this.thread, first: this.#first, names: this.#names };
  }
}

/** Knows the names that threads tell, each thread's in the order in which it told them. */
export class NameReader {
  readonly #threads = new Map<number, NamedSeries[]>();

  /** Takes in what a thread tells; answers all that it told, by their numbers. Undefined where some did not come. */
  take({ thread, first, names }: AddedNames): readonly NamedSeries[] | undefined {
    const told = (first === 0 ? undefined : this.#threads.get(thread)) ?? [];
    if (told.length !== first) return undefined;
    for (const name of names) told.push(name);
    this.#threads.set(thread, told);
    return told;
  }
}
