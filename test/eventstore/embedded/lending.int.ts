import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { MemoryPool } from '../../../src/eventstore/embedded/lent-memory.js';
import {
  START,
  type EventBatch,
  type RecordedEvent,
  type SubscribeOptions,
} from '../../../src/eventstore/event-store.js';
import { newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';

const EVENTS = 40;
const THINGS = stream('things');

const opened: { readonly log: EmbeddedEventStore; readonly directory: string }[] = [];
afterEach(async () => {
  for (const { log, directory } of opened.splice(0)) {
    await log.close();
    await removeDirectory(directory);
  }
});

/** A log that keeps few commits, and spoils what is given back; counts the pieces of memory that were. */
const lendingLog = async (): Promise<{ log: EmbeddedEventStore; again: () => number }> => {
  let again = 0;
  const memory = new MemoryPool({
    givenBack: (bytes) => {
      bytes.fill(0xff);
      again += 1;
    },
  });
  const made = await newLog({ ...smallLog, recentBytes: 600_000, memory });
  opened.push(made);
  return { log: made.log, again: () => again };
};

/** Appends so many events, each full of its revision; some of them too small to stand in memory that is lent. */
const append = async (log: EmbeddedEventStore, count = EVENTS): Promise<void> => {
  const event = eventFactory();
  for (let n = 0; n < count; n += 1) {
    const data = new Uint8Array(n % 7 === 3 ? 10 : 70_000 + (n % 5) * 30_000).fill(n);
    await log.append(THINGS, n === 0 ? 'none' : revision(n - 1), [event.binary(data)]);
  }
};

const isWhole = ({ data, revision: n }: RecordedEvent): boolean =>
  data instanceof Uint8Array && data.length >= 10 && Buffer.alloc(data.length, n).equals(data);

/** Follows the log until so many events came; what is done with each batch decides how long it is held. */
const follow = async (
  log: EmbeddedEventStore,
  options: SubscribeOptions,
  take: (batch: EventBatch) => void | Promise<void>,
): Promise<void> => {
  const end = new AbortController();
  let met = 0;
  for await (const batch of log.subscribe(START, {}, end.signal, options)) {
    met += batch.events.length;
    await take(batch);
    if (met === EVENTS) return;
  }
};

const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await new Promise(setImmediate);
};

describe('A log that lends its memory', () => {
  it('gives every reader what was appended, whoever releases what and when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 12 }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 12 }),
        async (held_for, rests) => {
          const { log, again } = await lendingLog();
          const borrowing = held_for.map(async (delays) => {
            const held: { batch: EventBatch; left: number }[] = [];
            let number = 0;
            const met: number[] = [];
            await follow(log, { lent: true }, (batch) => {
              held.push({ batch, left: delays[number % delays.length] ?? 0 });
              number += 1;
              for (const one of held) expect(one.batch.events.every(isWhole)).toBe(true);
              for (const one of held) one.left -= 1;
              for (const { batch } of held.filter(({ left }) => left < 0)) batch.release?.();
              held.splice(0, held.length, ...held.filter(({ left }) => left >= 0));
              met.push(...batch.events.map(({ revision }) => Number(revision)));
            });
            expect(met).toEqual(Array.from({ length: EVENTS }, (_, n) => n));
          });
          const kept: RecordedEvent[] = [];
          let batches = 0;
          const keeping = follow(log, {}, async (batch) => {
            kept.push(...batch.events);
            await turns(rests[batches++ % rests.length] ?? 0);
          });
          const read: RecordedEvent[] = [];
          const reading = (async () => {
            while (read.length < EVENTS) {
              for await (const event of log.readStream(THINGS, { from: revision(read.length) })) {
                read.push(event);
                await turns(rests[read.length % rests.length] ?? 0);
              }
              await turns(1);
            }
          })();
          await Promise.all([append(log), ...borrowing, keeping, reading]);
          expect(again()).toBeGreaterThan(10);
          expect(kept.map(({ revision }) => revision)).toEqual(read.map(({ revision }) => revision));
          expect([...kept, ...read].every(isWhole)).toBe(true);
        },
      ),
      { numRuns: 4 },
    );
  });

  it('refuses to show what was given back', async () => {
    const { log } = await lendingLog();
    const lent: RecordedEvent[] = [];
    await Promise.all([
      append(log),
      follow(log, { lent: true }, (batch) => {
        lent.push(...batch.events);
        batch.release?.();
        batch.release?.();
      }),
    ]);
    const [first] = lent.filter(({ revision }) => revision < 10);
    expect(first?.metadata.request_id).toBe('req-1');
    expect(() => first?.data).toThrow('given back');
    for await (const event of log.readStream(THINGS)) expect(isWhole(event)).toBe(true);
  });

  it('does not use again what somebody still looks at who went away', async () => {
    const { log } = await lendingLog();
    const held: RecordedEvent[] = [];
    const leaving = (async () => {
      for await (const { events } of log.subscribe(START, {}, new AbortController().signal, { lent: true })) {
        held.push(...events);
        if (held.length > 3) return;
      }
    })();
    await Promise.all([append(log), leaving]);
    expect(held.length).toBeGreaterThan(3);
    expect(held.every(isWhole)).toBe(true);
  });

  it('lends no more than it may, and takes memory of its own then', async () => {
    const memory = new MemoryPool({ lent: 300_000, givenBack: (bytes) => bytes.fill(0xff) });
    const made = await newLog({ ...smallLog, memory });
    opened.push(made);
    const events: RecordedEvent[] = [];
    await Promise.all([
      append(made.log),
      follow(made.log, { lent: true }, (batch) => void events.push(...batch.events)),
    ]);
    expect(events.every(isWhole)).toBe(true);
  });
});
