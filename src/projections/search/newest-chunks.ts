import { SPAN_CLASSES_MS, type ChunkEntry } from '../chunk-index/projection.js';
import type { ModelReader } from '../read-models.js';

const PAGE = 100;

/** A walk along the chunks of one span class, the latest end first. */
class ClassWalk {
  #page: readonly ChunkEntry[] = [];
  #at = 0;
  #ended = false;

  constructor(
    private readonly reader: ModelReader<ChunkEntry>,
    private readonly span: number,
    private readonly range: { readonly from?: number; readonly to?: number },
  ) {}

  /** The next entry, without stepping over it. */
  async peek(): Promise<ChunkEntry | undefined> {
    if (this.#at >= this.#page.length && !this.#ended) {
      const last = this.#page.at(-1);
      this.#page = await this.reader.find({
        index: 'by_time',
        equals: [this.span],
        range: this.range,
        order: 'descending',
        ...(last && { after: { values: [this.span, last.max_time], id: last.id } }),
        limit: PAGE,
      });
      this.#at = 0;
      this.#ended = this.#page.length < PAGE;
    }
    return this.#page[this.#at];
  }

  step(): void {
    this.#at += 1;
  }
}

/**
 * The chunks that may touch a stretch of time, the latest end first. Chunks of a span class end at most the class's
 * length after their first event, so each class is walked from there and not from the newest chunk there is.
 */
export class NewestChunks {
  readonly #walks: readonly ClassWalk[];

  constructor(reader: ModelReader<ChunkEntry>, { from, to }: { readonly from: number; readonly to: number }) {
    this.#walks = SPAN_CLASSES_MS.map(
      (length, span) =>
        new ClassWalk(reader, span, {
          ...(Number.isFinite(from) && { from }),
          ...(Number.isFinite(to + length) && { to: to + length }),
        }),
    );
  }

  async next(): Promise<ChunkEntry | undefined> {
    let best: { readonly entry: ChunkEntry; readonly walk: ClassWalk } | undefined;
    for (const walk of this.#walks) {
      const entry = await walk.peek();
      if (entry && (!best || entry.max_time > best.entry.max_time)) best = { entry, walk };
    }
    best?.walk.step();
    return best?.entry;
  }
}
