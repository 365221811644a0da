import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CROWDED, Turns } from '../../../src/api/http/turns.js';

const OPTIONS = {
  window: 1_000_000,
  window_of_several: 1_000_000,
  ahead: 20_000,
  few: 1,
  slice_ms: 4,
  target_ms: 10,
  interval_ms: 100,
};

/** What arrives while a slice is under way is read when it is over, and what is flushed is answered as late. */
const ROUND = OPTIONS.slice_ms + 1;

interface Arrival {
  readonly at: number;
  readonly owner: string;
  /** Milliseconds of the thread. */
  readonly takes: number;
  /** Absent: 10,000 bytes a millisecond. */
  readonly cost?: number;
  /** Milliseconds until its body is here; absent: none. */
  readonly comes_in?: number;
}

interface Outcome extends Arrival {
  readonly refused: 'at the door' | 'in the queue' | undefined;
  /** When it was done, or refused. */
  readonly done: number;
}

const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * One thread and its time: what has arrived meanwhile is read, then what was scheduled runs, over and over. Work takes
 * its time from the one clock there is.
 */
const simulate = async (
  arrivals: readonly Arrival[],
  flush_ms = 0,
  options = OPTIONS,
): Promise<readonly Outcome[]> => {
  let now = 0;
  /** The log: what comes while it flushes is flushed together, next. */
  let flushing: { readonly until: number; readonly done: readonly (() => void)[] } | undefined;
  let unflushed: (() => void)[] = [];
  const flushed = (): void => {
    if (flushing && flushing.until <= now) {
      for (const done of flushing.done) done();
      flushing = undefined;
    }
    if (flushing || unflushed.length === 0) return;
    flushing = { until: now + flush_ms, done: unflushed };
    unflushed = [];
  };
  let scheduled: (() => void)[] = [];
  const turns = new Turns({ monotonic: () => now }, options, (work) => scheduled.push(work));
  const held = new Map<string, number>();
  const coming = arrivals.toSorted((one, other) => one.at - other.at);
  const outcomes: Outcome[] = [];
  const answered: Promise<unknown>[] = [];
  let received: { readonly at: number; readonly take: () => void }[] = [];
  for (
    let next = 0;
    next < coming.length || scheduled.length > 0 || flushing || unflushed.length > 0 || received.length > 0;
  ) {
    for (let arrival = coming[next]; arrival && arrival.at <= now; arrival = coming[(next += 1)]) {
      const each = arrival;
      const cost = each.cost ?? each.takes * 10_000;
      if (turns.crowded(each.owner, held.get(each.owner) ?? 0)) {
        outcomes.push({ ...each, refused: 'at the door', done: now });
        continue;
      }
      held.set(each.owner, (held.get(each.owner) ?? 0) + cost);
      const take = (): void => {
        const outcome = turns.take(each.owner, cost, () => {
          now += each.takes;
          return new Promise<void>((done) => unflushed.push(done)).then(() => {
            outcomes.push({ ...each, refused: undefined, done: now });
          });
        });
        answered.push(
          outcome.then((result) => {
            held.set(each.owner, (held.get(each.owner) ?? 0) - cost);
            if (result === CROWDED) outcomes.push({ ...each, refused: 'in the queue', done: now });
          }),
        );
      };
      if (each.comes_in === undefined) take();
      else received.push({ at: each.at + each.comes_in, take });
    }
    const here = received.filter(({ at }) => at <= now);
    received = received.filter(({ at }) => at > now);
    for (const { take } of here) take();
    const run = scheduled;
    scheduled = [];
    for (const work of run) work();
    flushed();
    await microtasks();
    if (scheduled.length > 0) continue;
    const soonest = Math.min(
      coming[next]?.at ?? Infinity,
      flushing?.until ?? Infinity,
      ...received.map(({ at }) => at),
    );
    if (soonest < Infinity) now = Math.max(now, soonest);
  }
  await Promise.all(answered);
  expect(turns.waiting).toBe(0);
  return outcomes;
};

/** Requests of one owner at a steady rate. */
const steady = (
  owner: string,
  each_ms: number,
  takes: number,
  from: number,
  until: number,
  cost = takes * 10_000,
): Arrival[] =>
  Array.from({ length: Math.ceil((until - from) / each_ms) }, (_, i) => ({
    owner,
    takes,
    cost,
    at: from + i * each_ms,
  }));

const of = (outcomes: readonly Outcome[], owner: string): readonly Outcome[] =>
  outcomes.filter((outcome) => outcome.owner === owner);
const begun = (outcomes: readonly Outcome[]): readonly Outcome[] =>
  outcomes.filter(({ refused }) => refused === undefined);
const longest = (outcomes: readonly Outcome[]): number =>
  Math.max(...outcomes.map(({ at, done }) => done - at));

describe('a tenant that sends ten times what the thread can do', () => {
  // The quiet one takes a tenth of the thread, the other ten times the whole of it.
  const quiet = steady('quiet', 10, 1, 0, 3000);
  const greedy = steady('greedy', 0.1, 1, 500, 3000);

  it('does not slow another down, nor get it refused', async () => {
    const outcomes = await simulate([...quiet, ...greedy]);
    expect(begun(of(outcomes, 'quiet'))).toHaveLength(quiet.length);
    expect(longest(of(outcomes, 'quiet'))).toBeLessThanOrEqual(2 * ROUND + 2);
  });

  it('has the rest of the thread', async () => {
    const done = begun(of(await simulate([...quiet, ...greedy]), 'greedy'));
    expect(done.length).toBeGreaterThan(0.95 * 0.9 * 2500);
  });

  it('has what is done of its own done soon, and the others refused, nearly all before they are read', async () => {
    const outcomes = of(await simulate(greedy), 'greedy');
    const standing = begun(outcomes).filter(({ at }) => at > 500 + 2 * OPTIONS.interval_ms);
    expect(longest(standing)).toBeLessThanOrEqual(OPTIONS.target_ms + 2 * ROUND);
    const refused = outcomes.filter(({ refused }) => refused !== undefined);
    const late = refused.filter(({ refused }) => refused === 'in the queue');
    expect(late.length).toBeLessThan(0.1 * refused.length);
    expect(longest(outcomes)).toBeLessThanOrEqual(OPTIONS.interval_ms + 2 * ROUND);
  });
});

describe('a tenant whose bodies take long to come', () => {
  // What is let in comes all at once, 40 to 120 ms later, and may be done before the next comes.
  const greedy = steady('greedy', 1, 4, 0, 6000, 2_000).map((each) => ({
    ...each,
    comes_in: 80 - (each.at % 80) + 40,
  }));

  it('has what is let in done soon, though its queue is empty now and again', async () => {
    const outcomes = begun(of(await simulate(greedy), 'greedy')).filter(({ at }) => at > 1000);
    const waits = outcomes.map(({ at, comes_in = 0, takes, done }) => done - takes - at - comes_in);
    expect(outcomes.length).toBeGreaterThan(0.2 * (5000 / 4));
    expect(Math.max(...waits)).toBeLessThanOrEqual(OPTIONS.target_ms + 2 * ROUND);
  });
});

describe('tenants that all want more than their share', () => {
  it('get the same of the thread, however large their requests are', async () => {
    const outcomes = await simulate([
      ...steady('small', 0.5, 1, 0, 4000),
      ...steady('large', 4, 8, 0, 4000),
      ...steady('mixed', 2, 4, 0, 4000),
    ]);
    const shares = ['small', 'large', 'mixed'].map((owner) =>
      begun(of(outcomes, owner)).reduce((sum, { takes }) => sum + takes, 0),
    );
    for (const share of shares) expect(Math.abs(share / (4000 / 3) - 1)).toBeLessThan(0.15);
  });
});

describe('a burst', () => {
  it('that is over within the interval is done in whole', async () => {
    const outcomes = await simulate([
      ...Array.from({ length: 90 }, () => ({ owner: 'a', takes: 1, at: 0 })),
      ...steady('a', 50, 1, 300, 1000),
    ]);
    expect(begun(outcomes)).toHaveLength(outcomes.length);
  });

  it('leaves no trace: the next one is done too', async () => {
    const burst = (at: number): Arrival[] => Array.from({ length: 90 }, () => ({ owner: 'a', takes: 1, at }));
    const outcomes = await simulate([...burst(0), ...burst(1000), ...burst(2000)]);
    expect(begun(outcomes)).toHaveLength(270);
  });
});

describe('a few senders who each wait for their answer', () => {
  it('are never told to come back, however long their work takes', async () => {
    const few = 4;
    const outcomes = await simulate(
      // Each sends its next when the last is done: four at a time, of which one is at work.
      Array.from({ length: 200 }, (_, i) => ({
        owner: 'exporter',
        takes: 30,
        at: 30 * Math.max(0, i - few + 1),
      })),
      0,
      { ...OPTIONS, few, ahead: few * 300_000 },
    );
    expect(begun(outcomes)).toHaveLength(200);
  });
});

describe('a log that takes long to flush', () => {
  // The window lets one alone have 50 requests under way: more than half of what comes while the log flushes.
  const greedy = steady('greedy', 0.5, 0.01, 0, 4000, 10_000);
  const quiet = steady('quiet', 20, 0.01, 0, 4000, 10_000);

  it('holds back what comes too fast for it, and what is let in is answered after five flushes at most', async () => {
    const outcomes = of(await simulate([...greedy, ...quiet], 50), 'greedy');
    const standing = begun(outcomes).filter(({ at }) => at > 500);
    expect(standing.length).toBeGreaterThan(1000);
    expect(longest(standing)).toBeLessThanOrEqual(5 * 50);
    expect(outcomes.length - begun(outcomes).length).toBeGreaterThan(1000);
  });

  it('holds nobody back who sends little', async () => {
    const outcomes = of(await simulate([...greedy, ...quiet], 50), 'quiet');
    expect(begun(outcomes)).toHaveLength(quiet.length);
    expect(longest(outcomes)).toBeLessThanOrEqual(2 * 50 + ROUND);
  });
});

describe('what may be begun and not done', () => {
  it('is more of one alone than where another came within the last second', async () => {
    let now = 0;
    let scheduled: (() => void)[] = [];
    const turns = new Turns(
      { monotonic: () => now },
      { ...OPTIONS, window: 400, window_of_several: 200 },
      (work) => scheduled.push(work),
    );
    let begun: string[] = [];
    let end: (() => void)[] = [];
    const come = (owner: string): void => {
      void turns.take(owner, 100, () => {
        begun.push(owner);
        return new Promise<void>((resolve) => end.push(resolve));
      });
    };
    const allDone = async (): Promise<void> => {
      while (turns.waiting > 0 || end.length > 0 || scheduled.length > 0) {
        const [ending, running] = [end, scheduled];
        [end, scheduled] = [[], []];
        for (const step of [...ending, ...running]) step();
        await microtasks();
      }
      begun = [];
    };
    for (let i = 0; i < 3; i += 1) come('a');
    expect(begun).toEqual(['a', 'a']);
    await allDone();

    come('b');
    await allDone();
    for (let i = 0; i < 3; i += 1) come('a');
    expect(begun).toEqual(['a']);
    await allDone();

    now += 1_001;
    for (let i = 0; i < 3; i += 1) come('a');
    expect(begun).toEqual(['a', 'a']);
    await allDone();
  });
});

describe('whatever comes', () => {
  it('is begun in its owner’s order or refused, each once, and nobody waits much longer than the interval', async () => {
    const arrivals = fc.array(
      fc.record({
        at: fc.integer({ min: 0, max: 400 }),
        owner: fc.constantFrom('a', 'b', 'c'),
        takes: fc.integer({ min: 1, max: 20 }),
      }),
      { maxLength: 120 },
    );
    await fc.assert(
      fc.asyncProperty(arrivals, async (sequence) => {
        const outcomes = await simulate(sequence);
        expect(outcomes).toHaveLength(sequence.length);
        for (const owner of ['a', 'b', 'c']) {
          const times = begun(of(outcomes, owner)).map(({ at }) => at);
          expect(times).toEqual(times.toSorted((one, other) => one - other));
        }
        for (const { at, takes, done } of begun(outcomes))
          expect(done - takes - at).toBeLessThanOrEqual(2 * OPTIONS.interval_ms);
      }),
    );
  });
});
