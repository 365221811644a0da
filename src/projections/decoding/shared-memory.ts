import { MARGIN } from '../../domain/telemetry/scan/event-scanner.js';
import {
  withLentData,
  type EventBatch,
  type Position,
  type RecordedEvent,
  type Room,
} from '../../eventstore/event-store.js';

/** Memory that all threads see: nothing is copied or moved on the way there. */
export type Shared = Uint8Array<SharedArrayBuffer>;

/** As a log reads at once; for larger pieces more is made. */
const LEAST_BYTES = 4 * 1024 * 1024;

/**
 * Memory that a log is read into, for threads to decode what stands in it, and used again once all of that is folded.
 * The collector does not count it: of memory that is made anew for each piece it would look for what is left over every
 * few dozen megabytes. Each memory ends with zeros that are nobody's, so that what stands there can be scanned in place.
 */
export class SharedMemory {
  /** In the order in which it was given, which is that of the events in it. */
  readonly #given: Shared[] = [];
  readonly #spare: Shared[] = [];

  /** Gives memory to read into. */
  readonly room: Room = (bytes) => {
    const memory = this.take(bytes);
    this.#given.push(memory);
    return Buffer.from(memory.buffer, 0, bytes);
  };

  /** Memory that nothing is read into, for whoever gives it back. */
  take(bytes: number): Shared {
    const spare = this.#spare.pop();
    return spare && spare.length >= bytes + MARGIN
      ? spare
      : new Uint8Array(new SharedArrayBuffer(Math.max(bytes, LEAST_BYTES) + MARGIN));
  }

  giveBack(memory: Shared): void {
    this.#spare.push(memory);
  }

  /** The memory that an event's data were read into; undefined where they stand elsewhere. */
  holding(event: RecordedEvent): Shared | undefined {
    // Data of what is stored in columns are not looked at: they would be made.
    if (event.lines || !(event.data instanceof Uint8Array)) return undefined;
    const { buffer } = event.data;
    return this.#given.findLast((memory) => memory.buffer === buffer);
  }

  /** Takes back all that was given before some of it: the events there are folded. */
  passed(memory: Shared): void {
    this.#spare.push(...this.#given.splice(0, this.#given.indexOf(memory)));
  }
}

/** A batch whose events' data are in memory that is given back; who looks at them after that is told so. */
export class LentBatch implements EventBatch {
  readonly events: readonly RecordedEvent[];
  readonly position: Position;
  readonly caught_up: boolean;
  #last: Shared | undefined;
  #over = false;

  constructor(
    { events, position, caught_up }: EventBatch,
    private readonly memory: SharedMemory,
  ) {
    this.events = events.map((event) => this.#lend(event));
    this.position = position;
    this.caught_up = caught_up;
  }

  /** All of it is folded. */
  giveBack(): void {
    this.#over = true;
    // What follows this batch's last event may stand in the same memory.
    if (this.#last) this.memory.passed(this.#last);
  }

  #lend(event: RecordedEvent): RecordedEvent {
    const memory = this.memory.holding(event);
    if (!memory) return event;
    this.#last = memory;
    return withLentData(event, () => {
      if (this.#over) throw new Error(`The data of ${event.id} were given back.`);
    });
  }
}
