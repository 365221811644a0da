import type { Clock } from '../../platform/clock.js';
import { SharedBudget } from '../../platform/shared-budget.js';

/** How work shares the main thread and the log; milliseconds. */
export interface TurnOptions {
  /** What all that is begun and not done may cost: what more waits for the log waits here, in turn. */
  readonly window: number;
  /** The same where several take turns: less, since who comes next waits for all of it. */
  readonly window_of_several: number;
  /** What of an owner may always be received or wait, so that there is a next when one is done. */
  readonly ahead: number;
  /** So many of an owner's are never too many, however long they wait: senders who each wait for their answer. */
  readonly few: number;
  /** How long work goes on before input and output have their turn. */
  readonly slice_ms: number;
  /** The wait that is allowed where a queue stands. */
  readonly target_ms: number;
  /** A queue that has not been empty for so long stands. Before that, work may wait as long: it is a burst. */
  readonly interval_ms: number;
}

/** A batch takes a few milliseconds and a flush some ten: who waits for much longer is one of too many. */
const DEFAULT_TURNS: TurnOptions = {
  // One alone has half of it: as much as two chunks hold, of which one is hashed while the other is flushed.
  window: 4 * 1024 * 1024,
  window_of_several: 2 * 1024 * 1024,
  // Little enough to be done soon on any machine, and more than who sends less than their share mostly has.
  ahead: 2 * 1024 * 1024,
  few: 8,
  slice_ms: 4,
  target_ms: 25,
  interval_ms: 200,
};
/** What one may do before it is the next one's turn, in the unit of costs: bytes. */
const QUANTUM = 64 * 1024;
/** Several take turns where another than before came within so long. */
const COMPANY_MS = 1_000;
/** Share of the newest observation in the pace. */
const PACE_GAIN = 1 / 16;

/** Said instead of a result where work waited for too long and was not begun. */
export const CROWDED = Symbol('crowded');

interface Waiting {
  readonly cost: number;
  readonly since: number;
  readonly begin: () => void;
  readonly refuse: () => void;
}

/** What waits of one owner. */
interface Flow {
  readonly owner: string;
  readonly queue: Waiting[];
  /** What the queue costs. */
  cost: number;
  /** What it may still do before it is the next one's turn. */
  deficit: number;
  /** Whether it stands in one of the lists; it may with nothing waiting. */
  listed: boolean;
  /** Since when the queue has not been empty. */
  busy_since: number;
  /** Until when a queue that stood is taken to stand still. */
  standing_until: number;
}

/**
 * Gives owners turns on the main thread and at the log, as FQ-CoDel does with packets (RFC 8290): what comes while there is nothing
 * to wait for begins at once; otherwise owners take turns by deficit round robin over what their work costs, and an
 * owner that has more here than the others and whose queue stands is refused what would wait for too long. With a short queue those who are
 * let in are answered in time, and those who are not know it at once.
 */
export class Turns {
  readonly #flows = new Map<string, Flow>();
  /** Those that have just come go first, for one quantum; whose turn it is stands first in its list. */
  readonly #fresh: Flow[] = [];
  readonly #others: Flow[] = [];
  /** Owners with something waiting, how much waits, and what it costs. */
  #busy = 0;
  #waiting = 0;
  #cost = 0;
  /** What is begun and not done. */
  readonly #window: SharedBudget;
  #latest: string | undefined;
  #alone_from = -Infinity;
  /** Nothing that waits can begin before something is done. */
  #blocked = false;
  #slice_ends = -Infinity;
  #scheduled = false;
  /** Milliseconds that a unit of cost takes, all that the thread does besides included; learned while there is a queue. */
  #pace = 0;
  #began: { readonly at: number; readonly cost: number } | undefined;

  /** `schedule` runs something after input and output that is ready. */
  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly options: TurnOptions = DEFAULT_TURNS,
    private readonly schedule: (work: () => void) => void = setImmediate,
  ) {
    this.#window = new SharedBudget(options.window);
  }

  /** Pieces of work that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Whether work of an owner that came now would wait for too long. `held` is what all costs that the owner has under
   * way: what is still being received, waits here, or is begun.
   */
  crowded(owner: string, held: number): boolean {
    const flow = this.#flows.get(owner);
    if (!flow || this.#isShort(flow)) return false;
    const now = this.clock.monotonic();
    const ahead = held - this.#window.heldBy(owner);
    if (ahead <= this.options.ahead) return false;
    const [first] = flow.queue;
    const waits = first ? now - first.since : 0;
    const expected = ahead * Math.max(1, this.#busy) * this.#pace;
    if (Math.max(waits, expected) <= this.#limit(flow, now)) return false;
    // What is refused here stands in no queue, which may then be empty now and again and is too long all the same.
    if (first && now < flow.standing_until) flow.standing_until = now + this.options.interval_ms;
    return true;
  }

  /**
   * Does work in its turn; its part up to the first wait is what takes time here. CROWDED where it waited for too
   * long; a few are done whatever they have waited, since so many are no queue.
   */
  take<T>(owner: string, cost: number, work: () => Promise<T>): Promise<T | typeof CROWDED> {
    const now = this.clock.monotonic();
    this.#meet(owner, now);
    if (!this.#scheduled) this.#nextSlice(now);
    if (this.#waiting === 0 && now < this.#slice_ends && this.#window.take(owner, cost))
      return this.#carryOut(owner, cost, work);
    return new Promise((resolve, reject) => {
      this.#enqueue(owner, {
        cost,
        since: now,
        begin: () => {
          this.#carryOut(owner, cost, work).then(resolve, reject);
        },
        refuse: () => {
          resolve(CROWDED);
        },
      });
    });
  }

  /** Makes the window as large as it is for so many as there are. */
  #meet(owner: string, now: number): void {
    if (owner !== this.#latest && this.#latest !== undefined) this.#alone_from = now + COMPANY_MS;
    this.#latest = owner;
    const { window, window_of_several } = this.options;
    this.#window.size = now < this.#alone_from ? window_of_several : window;
  }

  async #carryOut<T>(owner: string, cost: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#window.release(owner, cost);
      if (this.#waiting > 0) {
        this.#blocked = false;
        if (!this.#scheduled) this.#nextSlice(this.clock.monotonic());
      }
    }
  }

  #enqueue(owner: string, waiting: Waiting): void {
    let flow = this.#flows.get(owner);
    if (!flow) {
      flow = {
        owner,
        queue: [],
        cost: 0,
        deficit: 0,
        listed: false,
        busy_since: waiting.since,
        standing_until: -Infinity,
      };
      this.#flows.set(owner, flow);
    }
    if (!flow.listed) {
      flow.listed = true;
      flow.deficit = QUANTUM;
      this.#fresh.push(flow);
    }
    if (flow.queue.length === 0) {
      flow.busy_since = waiting.since;
      this.#busy += 1;
    }
    flow.queue.push(waiting);
    flow.cost += waiting.cost;
    this.#cost += waiting.cost;
    this.#waiting += 1;
    this.#blocked = false;
  }

  #nextSlice(now: number): void {
    this.#scheduled = true;
    this.#slice_ends = now + this.options.slice_ms;
    this.schedule(() => {
      this.#scheduled = false;
      if (this.#waiting > 0 && !this.#blocked) this.#work();
    });
  }

  #work(): void {
    let now = this.clock.monotonic();
    this.#nextSlice(now);
    while (now < this.#slice_ends) {
      const flow = this.#whoseTurn();
      if (!flow) {
        this.#blocked = this.#waiting > 0;
        if (this.#blocked) return;
        this.#began = undefined;
        this.#forget(now);
        return;
      }
      const limit = this.#isShort(flow) ? Infinity : this.#limit(flow, now);
      const next = this.#dequeue(flow);
      if (now - next.since > limit && flow.queue.length >= this.options.few) next.refuse();
      else {
        flow.deficit -= next.cost;
        this.#window.take(flow.owner, next.cost);
        this.#learn(now, next.cost);
        next.begin();
      }
      now = this.clock.monotonic();
    }
  }

  #dequeue(flow: Flow): Waiting {
    const next = flow.queue.shift();
    if (!next) throw new Error('It was the turn of somebody with nothing to do.');
    flow.cost -= next.cost;
    this.#cost -= next.cost;
    this.#waiting -= 1;
    if (flow.queue.length === 0) this.#busy -= 1;
    return next;
  }

  /** Turns the lists until the first has something waiting and may do it (RFC 8290, section 4.2). */
  #whoseTurn(): Flow | undefined {
    // So many in a row could not begin; once that is all of them, none can.
    for (let held_up = 0; held_up <= this.#fresh.length + this.#others.length;) {
      const list = this.#fresh.length > 0 ? this.#fresh : this.#others;
      const [flow] = list;
      if (!flow) return undefined;
      const [next] = flow.queue;
      const may = next !== undefined && this.#window.fits(flow.owner, next.cost);
      if (may && flow.deficit > 0) return flow;
      list.shift();
      if (next && !may) held_up += 1;
      else held_up = 0;
      if (flow.deficit <= 0) flow.deficit += QUANTUM;
      // Who has done all of it in its first turn goes behind the others once: coming back at once is no way past them.
      else if (!next && (list === this.#others || this.#others.length === 0)) {
        flow.listed = false;
        continue;
      }
      this.#others.push(flow);
    }
    return undefined;
  }

  /** Whether an owner has less here than the average, waiting or begun: then it is not this one that there is too much of. */
  #isShort({ owner, cost }: Flow): boolean {
    const owners = Math.max(this.#busy, this.#window.owners);
    return (cost + this.#window.heldBy(owner)) * owners < this.#cost + this.#window.used;
  }

  /** How long an owner's work may wait now. */
  #limit(flow: Flow, now: number): number {
    const { target_ms, interval_ms } = this.options;
    if (flow.queue.length > 0 && now - flow.busy_since > interval_ms) flow.standing_until = now + interval_ms;
    return now < flow.standing_until ? target_ms : interval_ms;
  }

  /** From one beginning to the next, with something waiting all the time, the first took its part of the thread. */
  #learn(now: number, cost: number): void {
    const began = this.#began;
    if (began) this.#pace += PACE_GAIN * ((now - began.at) / began.cost - this.#pace);
    this.#began = { at: now, cost };
  }

  #forget(now: number): void {
    for (const [owner, flow] of this.#flows)
      if (!flow.listed && now >= flow.standing_until) this.#flows.delete(owner);
  }
}
