import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventLogWriter, ExpectedRevision } from '../../src/eventstore/event-log-writer.js';
import {
  START,
  toPosition,
  type EventBatch,
  type EventFilter,
  type EventLog,
  type ChunkPlace,
  type NewEvent,
  type Position,
  type RecordedEvent,
} from '../../src/eventstore/event-store.js';
import type { ChunkHeader } from '../../src/domain/telemetry/chunk-header.js';
import type { Sought } from '../../src/domain/telemetry/query/sift.js';
import { eventFactory, revision, stream, type EventFactory } from '../support/log-events.js';

export type Log = EventLog & EventLogWriter;

/** A store of its own for one test. */
export interface EventStoreHarness {
  /** The store as it is now: another object after `reopen`. */
  readonly log: Log;
  /** How many bytes of data one append may hold at most, give or take what the store adds. */
  readonly maxAppendBytes: number;
  /** Ends the store in good order and opens what it stored again, as another start of the program does. */
  reopen(): Promise<void>;
  /** Takes the store away under a program that goes on and brings it back; for stores that are servers. */
  interrupt?(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What every event store keeps to. `interruptible`: the harness can `interrupt`. `long_stream`: how many events the
 * longest stream has; a million, but where the time that takes is that of an imitation.
 */
export const eventStoreContract = (
  name: string,
  makeHarness: () => Promise<EventStoreHarness>,
  { interruptible = false, long_stream = 1_000_000 } = {},
): void => {
  describe(`${name} keeps the event store's contract`, () => {
    let harness: EventStoreHarness;
    let event: EventFactory;

    beforeEach(async () => {
      harness = await makeHarness();
      event = eventFactory();
    });
    afterEach(() => harness.close());

    /** Appends and insists that it was written or had been. */
    const append = async (
      to: string,
      expected: ExpectedRevision | number,
      events: Parameters<EventLogWriter['append']>[2],
    ): Promise<Position> => {
      const outcome = await harness.log.append(stream(to), at(expected), events);
      if (outcome.outcome !== 'appended') throw new Error(`not appended: ${JSON.stringify(outcome)}`);
      return outcome.position;
    };
    const readStream = (
      from: string,
      options?: { from?: number; limit?: number },
    ): Promise<RecordedEvent[]> =>
      collect(
        harness.log.readStream(stream(from), {
          ...(options?.from !== undefined && { from: revision(options.from) }),
          ...(options?.limit !== undefined && { limit: options.limit }),
        }),
      );
    const readAll = async (after: Position = START, filter?: EventFilter): Promise<RecordedEvent[]> =>
      (await collect(harness.log.readAll(after, filter))).flatMap((batch) => batch.events);

    describe('looking through chunks', () => {
      it('finds in each what it holds, in the order asked, and nothing where there is no such chunk', async () => {
        const chunk = (lines: readonly object[]): NewEvent => {
          const { metadata, ...rest } = event.binary(
            Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n')),
          );
          const header: ChunkHeader = {
            ...{ codec: 'ndjson' as const, count: lines.length, min_time: 1, max_time: 1 },
            ...{ received_at: 1, producer: 'test', first_sequence: 0 },
          };
          return { ...rest, metadata: { ...metadata, chunk: header } };
        };
        const first = chunk([{ type: 'a', message: 'found' }, { type: 'a' }]);
        const second = chunk([
          { type: 'b' },
          { type: 'a', message: 'also Found' },
          { type: 'a', message: 'found' },
        ]);
        const other = event.json();
        await append('telemetry-a', 'none', [first, other]);
        await append('telemetry-a', 1, [second]);
        const place = (id: NewEvent['id'], at: number, without?: readonly number[]): ChunkPlace => ({
          chunk: id,
          stream: stream('telemetry-a'),
          revision: revision(at),
          ...(without && { without }),
        });
        const sought: Sought = {
          query: { kind: 'mentions', text: 'found' },
          from: -Infinity,
          to: Infinity,
          limit: 10,
        };
        const places = [place(second.id, 2), place(first.id, 0), place(second.id, 2, [2])];
        const absent = [place(other.id, 1), place(second.id, 0), place(first.id, 7)];
        const found = await harness.log.sift([...places, ...absent], sought);
        expect(found.map((one) => one?.numbers)).toEqual([[1, 2], [0], [1], undefined, undefined, undefined]);
        expect(found[0]).toMatchObject({
          texts: ['{"type":"a","message":"also Found"}', '{"type":"a","message":"found"}'],
          receipt: { received_at: 1 },
          recorded_at: second.metadata.recorded_at,
        });
      });
    });

    describe('appending', () => {
      it('begins a stream at revision 0 and moves the head', async () => {
        expect(await harness.log.head()).toBe(START);

        const outcome = await harness.log.append(stream('orders-1'), 'none', [event.json()]);

        expect(outcome).toMatchObject({ outcome: 'appended', revision: 0, repeated: false });
        expect(outcome.outcome === 'appended' && outcome.position > START).toBe(true);
        expect(await harness.log.head()).toBe(outcome.outcome === 'appended' && outcome.position);
      });

      it('answers with the revision and position of the last of several events', async () => {
        await append('orders-1', 'none', [event.json(), event.json()]);
        const outcome = await harness.log.append(stream('orders-1'), revision(1), [
          event.json(),
          event.json(),
        ]);

        const last = (await readStream('orders-1')).at(-1);
        expect(outcome).toEqual({
          outcome: 'appended',
          revision: 3,
          position: last?.position,
          repeated: false,
        });
        expect(last?.revision).toBe(3);
      });

      it('gives back what was appended: objects, bytes, every character, metadata', async () => {
        const events = [
          event.json({ text: 'ä€😀\u0000"\\', nested: { list: [1, -0.5, 1e300, null, true], empty: {} } }),
          event.binary(Uint8Array.from({ length: 1024 }, (_, i) => i & 0xff)),
          event.binary(new Uint8Array(0)),
          event.json({}),
        ] as const;
        await append('orders-ä€😀', 'none', [...events]);

        const read = await readStream('orders-ä€😀');
        expect(read.map(withoutPlace)).toEqual(events.map(comparable));
        expect(read.map((recorded) => recorded.stream)).toEqual(events.map(() => 'orders-ä€😀'));
      });

      it('answers a wrong expected revision with a conflict that names the actual one, and writes nothing', async () => {
        const conflict = (expected: ExpectedRevision | number): Promise<unknown> =>
          harness.log.append(stream('orders-1'), at(expected), [event.json()]);

        expect(await conflict(0)).toEqual({ outcome: 'conflict', actual: 'none' });
        await append('orders-1', 'none', [event.json(), event.json()]);
        expect(await conflict('none')).toEqual({ outcome: 'conflict', actual: 1 });
        expect(await conflict(0)).toEqual({ outcome: 'conflict', actual: 1 });
        expect(await conflict(2)).toEqual({ outcome: 'conflict', actual: 1 });

        expect(await readAll()).toHaveLength(2);
        await append('orders-1', 1, [event.json()]);
      });

      it('lets one of many writers with the same expectation through', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, () => harness.log.append(stream('orders-1'), 'none', [event.json()])),
        );

        expect(outcomes.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
        expect(outcomes.filter(({ outcome }) => outcome === 'conflict')).toEqual(
          Array.from({ length: 19 }, () => ({ outcome: 'conflict', actual: 0 })),
        );
        expect(await readStream('orders-1')).toHaveLength(1);
      });

      it('refuses an append above its limit, says so, and takes one below it', async () => {
        const limit = harness.maxAppendBytes;
        const half = (): Uint8Array => new Uint8Array(Math.floor(limit / 2) + 1).fill(7);

        const single = await harness.log.append(stream('orders-1'), 'none', [
          event.binary(new Uint8Array(limit + 1).fill(7)),
        ]);
        const together = await harness.log.append(stream('orders-1'), 'none', [
          event.binary(half()),
          event.binary(half()),
        ]);

        for (const outcome of [single, together]) {
          expect(outcome).toMatchObject({ outcome: 'too_large', limit });
          expect(outcome.outcome === 'too_large' && outcome.bytes).toBeGreaterThan(limit);
        }
        expect(await readAll()).toEqual([]);
        await append('orders-1', 'none', [event.binary(new Uint8Array(limit - 16_384).fill(7))]);
        expect((await readStream('orders-1'))[0]?.data).toHaveLength(limit - 16_384);
      });

      it.each(['', '$', '$$', '$streams'])('refuses the stream name %j', async (refused) => {
        await expect(harness.log.append(stream(refused), 'none', [event.json()])).rejects.toThrow();
        expect(await readAll()).toEqual([]);
      });
    });

    describe('appending the same events again', () => {
      it('gives the first answer, at once and after later events, whatever revision is expected', async () => {
        const events = [event.json(), event.json()] as const;
        const first = await harness.log.append(stream('orders-1'), 'none', [...events]);
        const again = { ...first, repeated: true };

        expect(await harness.log.append(stream('orders-1'), 'none', [...events])).toEqual(again);
        await append('orders-1', 1, [event.json()]);
        expect(await harness.log.append(stream('orders-1'), 'none', [...events])).toEqual(again);
        expect(await harness.log.append(stream('orders-1'), revision(1), [...events])).toEqual(again);
        expect(await harness.log.append(stream('orders-1'), revision(2), [...events])).toEqual(again);

        expect(await readAll()).toHaveLength(3);
      });

      it('gives the first answer after the store was opened again', async () => {
        const events = [event.json(), event.json()] as const;
        const first = await harness.log.append(stream('orders-1'), 'none', [...events]);
        await append('orders-1', 1, [event.json()]);

        await harness.reopen();

        expect(await harness.log.append(stream('orders-1'), 'none', [...events])).toEqual({
          ...first,
          repeated: true,
        });
        expect(await readAll()).toHaveLength(3);
      });

      it('gives the first answer in another stream too', async () => {
        const known = event.json();
        const first = await harness.log.append(stream('orders-1'), 'none', [known]);

        expect(await harness.log.append(stream('orders-2'), 'none', [known])).toEqual({
          ...first,
          repeated: true,
        });
        expect(await readStream('orders-2')).toEqual([]);
      });

      it('gives one answer to repeats under way at the same time', async () => {
        const events = [event.json(), event.json()] as const;
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, () => harness.log.append(stream('orders-1'), 'none', [...events])),
        );

        for (const outcome of outcomes) expect(outcome).toMatchObject({ outcome: 'appended', revision: 1 });
        expect(
          outcomes.filter((outcome) => outcome.outcome === 'appended' && !outcome.repeated),
        ).toHaveLength(1);
        expect(await readStream('orders-1')).toHaveLength(2);
      });

      it('is a conflict where only some of the events are known, and writes nothing', async () => {
        const known = event.json();
        await append('orders-1', 'none', [known]);

        const mixed = [
          [known, event.json()],
          [event.json(), known],
        ] as const;
        for (const events of mixed)
          expect(await harness.log.append(stream('orders-1'), revision(0), [...events])).toEqual({
            outcome: 'conflict',
            actual: 0,
          });
        expect(await readAll()).toHaveLength(1);
      });
    });

    describe('reading a stream', () => {
      it('finds a missing stream empty', async () => {
        expect(await readStream('orders-1')).toEqual([]);
      });

      it('gives revisions without a gap, oldest first, from where it is asked and no more than asked', async () => {
        await append('orders-1', 'none', [event.json(), event.json()]);
        await append('orders-2', 'none', [event.json()]);
        await append('orders-1', 1, [event.json(), event.json(), event.json()]);

        expect(revisions(await readStream('orders-1'))).toEqual([0, 1, 2, 3, 4]);
        expect(revisions(await readStream('orders-1', { from: 1 }))).toEqual([1, 2, 3, 4]);
        expect(revisions(await readStream('orders-1', { from: 1, limit: 2 }))).toEqual([1, 2]);
        expect(revisions(await readStream('orders-1', { from: 4 }))).toEqual([4]);
        expect(await readStream('orders-1', { from: 5 })).toEqual([]);
        expect(await readStream('orders-1', { limit: 0 })).toEqual([]);
      });

      it('does not take a stream for another whose name it begins', async () => {
        await append('orders-1', 'none', [event.json()]);
        await append('orders-10', 'none', [event.json(), event.json()]);
        await append('orders', 'none', [event.json(), event.json(), event.json()]);

        expect(await readStream('orders-1')).toHaveLength(1);
        expect(await readStream('orders-10')).toHaveLength(2);
        expect(await readStream('orders')).toHaveLength(3);
      });
    });

    describe('reading the whole log', () => {
      it('has one order over all streams, the same as within each of them, before and after opening again', async () => {
        await Promise.all(
          ['orders-1', 'orders-2', 'orders-3'].map(async (name) => {
            for (let next = 0; next < 20; next += 2)
              await append(name, next === 0 ? 'none' : next - 1, [event.json(), event.json()]);
          }),
        );

        const before = await readAll();
        expect(before).toHaveLength(60);
        expectGrowing(before.map(({ position }) => position));
        for (const name of ['orders-1', 'orders-2', 'orders-3'])
          expect(before.filter((recorded) => recorded.stream === name)).toEqual(await readStream(name));

        await harness.reopen();
        expect(await readAll()).toEqual(before);
      });

      it('starts after the position given and ends with the log, caught up', async () => {
        const first = await append('orders-1', 'none', [event.json()]);
        const middle = await append('orders-2', 'none', [event.json()]);
        const last = await append('orders-1', 0, [event.json()]);

        expect((await readAll(first)).map(({ position }) => position)).toEqual([middle, last]);
        expect(await readAll(last)).toEqual([]);
        const batches = await collect(harness.log.readAll(START));
        expect(batches.at(-1)?.caught_up).toBe(true);
        expectAtLeast(batches.at(-1)?.position, last);
      });

      it('starts after a position at which no record stands, too', async () => {
        await append('orders-1', 'none', [event.json(), event.binary(Buffer.alloc(300))]);
        await append('orders-2', 'none', [event.json()]);
        const all = await readAll();
        for (const { position } of all)
          for (const back of [1n, 7n, 16n]) {
            const number = BigInt(`0x${position}`) - back;
            if (number < 0n) continue;
            const after = toPosition(number);
            expect(await readAll(after)).toEqual(all.filter((one) => one.position > after));
          }
      });

      it('comes in bounded batches, none of which is behind its events', async () => {
        for (let next = 0; next < 5_000; next += 500)
          await append('orders-1', next === 0 ? 'none' : next - 1, event.many(500));

        const batches = await collect(harness.log.readAll(START));
        expect(batches.length).toBeGreaterThan(2);
        expect(batches.flatMap((batch) => revisions(batch.events))).toEqual([...Array(5_000).keys()]);
        expectNeverFalling(batches.map(({ position }) => position));
        for (const batch of batches)
          if (batch.events.length > 0) expectAtLeast(batch.position, batch.events.at(-1)?.position);
      });

      it('filters by type and by the beginning of the stream name, and still reaches the end', async () => {
        await append('orders-1', 'none', [event.json({}, 'OrderPlaced'), event.json({}, 'OrderPaid')]);
        await append('stock-1', 'none', [event.json({}, 'OrderPlaced'), event.json({}, 'StockCounted')]);
        const head = await harness.log.head();
        const seen = async (filter: EventFilter): Promise<string[]> =>
          (await readAll(START, filter)).map((recorded) => `${recorded.stream} ${recorded.type}`);

        expect(await seen({ types: ['OrderPlaced'] })).toEqual([
          'orders-1 OrderPlaced',
          'stock-1 OrderPlaced',
        ]);
        expect(await seen({ stream_prefix: 'stock-' })).toEqual([
          'stock-1 OrderPlaced',
          'stock-1 StockCounted',
        ]);
        expect(await seen({ types: ['OrderPlaced', 'OrderPaid'], stream_prefix: 'orders-' })).toEqual([
          'orders-1 OrderPlaced',
          'orders-1 OrderPaid',
        ]);
        expect(await seen({ types: ['Nothing'] })).toEqual([]);
        const batches = await collect(harness.log.readAll(START, { types: ['Nothing'] }));
        expectAtLeast(batches.at(-1)?.position, head);
      });
    });

    it('reads streams whose names begin alike out of a long log, from anywhere, as reading all of it does', async () => {
      for (let round = 0; round < 4; round += 1) {
        await append('orders-1', round === 0 ? 'none' : 2 * round - 1, event.many(2));
        await append('bulk-1', round === 0 ? 'none' : 100 * round - 1, event.many(100));
        await append('orders-2', round === 0 ? 'none' : round - 1, [event.json()]);
        await append('ordersx', round === 0 ? 'none' : round - 1, [event.json()]);
      }
      const all = await readAll();
      for (const after of [START, all[0]!.position, all[205]!.position, all.at(-1)!.position])
        for (const stream_prefix of ['orders-', 'orders', 'none-'])
          expect(await readAll(after, { stream_prefix })).toEqual(
            all.filter(({ position, stream }) => position > after && stream.startsWith(stream_prefix)),
          );
    });

    it('reads telemetry of some stretches of time, and what is no telemetry, before a restart and after it', async () => {
      const chunk = (from: number, to: number): NewEvent => {
        const { metadata, ...rest } = event.binary(Buffer.from('{"type":"a"}'));
        const header: ChunkHeader = {
          ...{ codec: 'ndjson' as const, count: 1, min_time: from, max_time: to },
          ...{ received_at: 1, producer: 'test', first_sequence: 0 },
        };
        return { ...rest, metadata: { ...metadata, chunk: header } };
      };
      await append('telemetry-a', 'none', [chunk(0, 10), chunk(100, 200)]);
      await append('telemetry-b', 'none', [chunk(-50, -20)]);
      await append('telemetry-b', 0, [chunk(11, 99), event.json()]);
      await append('telemetry-b', 2, [chunk(150, 1_000)]);
      await append('other', 'none', [chunk(0, 1_000)]);
      const all = (await readAll()).filter(({ stream }) => stream.startsWith('telemetry-'));
      const wanted = (from: number, to: number): RecordedEvent[] =>
        all.filter(
          ({ metadata: { chunk: said } }) => !said || (said.min_time <= to && said.max_time >= from),
        );
      for (const [from, to] of [
        [10, 10],
        [11, 99],
        [-30, -30],
        [-10, -1],
        [150, 160],
        [2_000, 3_000],
        [0, 5_000],
      ] as const)
        expect(await readAll(START, { stream_prefix: 'telemetry-', times: [{ from, to }] })).toEqual(
          wanted(from, to),
        );
      await harness.reopen();
      const later = all[2]?.position ?? START;
      const two = [
        { from: 0, to: 5 },
        { from: 300, to: 400 },
      ];
      for (const after of [START, later])
        expect(
          (await readAll(after, { stream_prefix: 'telemetry-', times: two })).map(({ position }) => position),
        ).toEqual(
          all
            .filter(({ position }) => position > after)
            .filter((one) => two.some(({ from, to }) => wanted(from, to).includes(one)))
            .map(({ position }) => position),
        );
    });

    describe('subscribing', () => {
      it('says that it caught up where there is nothing, then delivers what comes', async () => {
        const subscription = subscribe(harness.log);
        const first = await subscription.next();
        expect(first).toMatchObject({ events: [], caught_up: true });

        const position = await append('orders-1', 'none', [event.json()]);

        expect((await subscription.until(position)).map((recorded) => recorded.position)).toEqual([position]);
        await subscription.end();
      });

      it('goes from what there is to what comes without gap or repeat, while others write', async () => {
        const write = async (name: string, from: number, to: number): Promise<void> => {
          for (let next = from; next < to; next += 1)
            await append(name, next === 0 ? 'none' : next - 1, [event.json()]);
        };
        const names = ['orders-1', 'orders-2', 'orders-3', 'orders-4'];
        await Promise.all(names.map((name) => write(name, 0, 50)));

        const writing = Promise.all(names.map((name) => write(name, 50, 150)));
        const subscriptions = [START, await harness.log.head()].map((after) => subscribe(harness.log, after));
        const early = subscriptions.map((subscription) => subscription.count(300));
        await writing;
        const head = await harness.log.head();

        const all = await readAll();
        expect(all).toHaveLength(600);
        const [fromStart, fromMiddle] = await Promise.all(
          subscriptions.map(async (subscription, i) => [
            ...((await early[i]) ?? []),
            ...(await subscription.until(head)),
          ]),
        );
        expect(fromStart).toEqual(all);
        expect(fromMiddle).toEqual(all.slice(all.length - (fromMiddle?.length ?? 0)));
        expect(fromMiddle?.length).toBeGreaterThanOrEqual(300);
        for (const subscription of subscriptions) await subscription.end();
      });

      it('delivers everything to a reader that pauses', async () => {
        const subscription = subscribe(harness.log);
        await subscription.next();
        let position = START;
        for (let next = 0; next < 3_000; next += 300)
          position = await append('orders-1', next === 0 ? 'none' : next - 1, event.many(300));

        expect(revisions(await subscription.until(position))).toEqual([...Array(3_000).keys()]);
        await subscription.end();
      });

      it('delivers only what the filter lets through, and its position goes on over the rest', async () => {
        const subscription = subscribe(harness.log, START, {
          types: ['OrderPaid'],
          stream_prefix: 'orders-',
        });
        await append('orders-1', 'none', [event.json({}, 'OrderPlaced'), event.json({}, 'OrderPaid')]);
        const other = await append('stock-1', 'none', [event.json({}, 'OrderPaid')]);

        const seen = await subscription.until(other);
        expect(seen.map((recorded) => [recorded.stream, recorded.type])).toEqual([['orders-1', 'OrderPaid']]);

        const later = await append('stock-1', 0, [event.json({}, 'StockCounted')]);
        expect(await subscription.until(later)).toEqual([]);
        await subscription.end();
      });

      it('ends when its signal aborts, before it began, while it waits and between batches', async () => {
        const before = new AbortController();
        before.abort();
        expect(await collect(harness.log.subscribe(START, {}, before.signal))).toEqual([]);

        const waiting = subscribe(harness.log);
        await waiting.next();
        const pending = waiting.next();
        waiting.abort();
        expect(await pending).toBeUndefined();

        await append('orders-1', 'none', event.many(2));
        const between = subscribe(harness.log);
        await between.next();
        between.abort();
        expect(await between.next()).toBeUndefined();
      });

      if (interruptible)
        it('goes on by itself when the store comes back, without gap or repeat', async () => {
          const subscription = subscribe(harness.log);
          const before = await append('orders-1', 'none', event.many(10));
          expect(revisions(await subscription.until(before))).toEqual([...Array(10).keys()]);

          await harness.interrupt?.();

          const after = await append('orders-1', 9, event.many(10));
          expect(revisions(await subscription.until(after))).toEqual(
            [...Array(10).keys()].map((i) => i + 10),
          );
          await subscription.end();
        });
    });

    describe('truncating a stream', () => {
      it('hides what stands before a revision, for ever', async () => {
        await append('orders-1', 'none', event.many(5));
        await append('orders-2', 'none', event.many(2));

        await harness.log.truncate(stream('orders-1'), revision(3));

        for (const reopened of [false, true]) {
          if (reopened) await harness.reopen();
          expect(revisions(await readStream('orders-1'))).toEqual([3, 4]);
          expect(revisions(await readStream('orders-1', { from: 1, limit: 1 }))).toEqual([3]);
          expect(revisions(await readStream('orders-2'))).toEqual([0, 1]);
        }
      });

      it('never shows again what was hidden, and adds nothing that readers see', async () => {
        await append('orders-1', 'none', event.many(5));
        await harness.log.truncate(stream('orders-1'), revision(4));
        await harness.log.truncate(stream('orders-1'), revision(2));

        expect(revisions(await readStream('orders-1'))).toEqual([4]);
        expect(new Set((await readAll()).map((recorded) => recorded.stream))).toEqual(new Set(['orders-1']));
      });

      it('leaves revisions and known ids as they are, even where nothing is left to read', async () => {
        const events = event.many(3);
        const first = await harness.log.append(stream('orders-1'), 'none', events);
        await harness.log.truncate(stream('orders-1'), revision(3));

        expect(await readStream('orders-1')).toEqual([]);
        expect(await harness.log.append(stream('orders-1'), 'none', [event.json()])).toEqual({
          outcome: 'conflict',
          actual: 2,
        });
        expect(await harness.log.append(stream('orders-1'), 'none', events)).toEqual({
          ...first,
          repeated: true,
        });
        await append('orders-1', 2, [event.json()]);
        expect(revisions(await readStream('orders-1'))).toEqual([3]);
      });
    });

    it('is in good health', async () => {
      expect(await harness.log.health()).toMatchObject({ status: 'ok' });
    });

    it(`holds ${long_stream.toLocaleString('en')} events in one stream`, async () => {
      const total = long_stream;
      for (let next = 0; next < total; next += 1_000)
        await append('orders-1', next === 0 ? 'none' : next - 1, event.many(1_000));

      let next = 0;
      let previous: string = START;
      for await (const batch of harness.log.readAll(START))
        for (const recorded of batch.events) {
          if (recorded.revision !== next || recorded.position <= previous)
            throw new Error(`revision ${recorded.revision} at ${recorded.position} where ${next} was due`);
          next += 1;
          previous = recorded.position;
        }
      expect(next).toBe(total);
      expect(revisions(await readStream('orders-1', { from: total - 3 }))).toEqual([
        total - 3,
        total - 2,
        total - 1,
      ]);
      const middle = total / 2;
      expect(revisions(await readStream('orders-1', { from: middle, limit: 2 }))).toEqual([
        middle,
        middle + 1,
      ]);
      expect(await harness.log.append(stream('orders-1'), revision(0), [event.json()])).toEqual({
        outcome: 'conflict',
        actual: total - 1,
      });
    }, 900_000);
  });
};

const at = (expected: ExpectedRevision | number): ExpectedRevision =>
  expected === 'none' ? 'none' : revision(expected);

const revisions = (events: readonly RecordedEvent[]): number[] => events.map((recorded) => recorded.revision);

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

/** Bytes as an array, so that a view, a Buffer and an array of the same bytes are equal. */
const comparable = <E extends { data: unknown }>(event: E): E => ({
  ...event,
  data: event.data instanceof Uint8Array ? [...event.data] : event.data,
});

const withoutPlace = ({ id, type, schema_version, data, metadata }: RecordedEvent): unknown =>
  comparable({ id, type, schema_version, data, metadata });

const expectAtLeast = (position: Position | undefined, bound: Position | undefined): void =>
  expect((position ?? '') >= (bound ?? '')).toBe(true);

const expectGrowing = (positions: readonly Position[]): void =>
  expect(positions).toEqual([...new Set(positions)].sort());

const expectNeverFalling = (positions: readonly Position[]): void =>
  expect(positions).toEqual([...positions].sort());

/** A subscription that a test pulls by hand. */
const subscribe = (log: Log, after: Position = START, filter: EventFilter = {}) => {
  const controller = new AbortController();
  const batches = log.subscribe(after, filter, controller.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<EventBatch | undefined> => {
    const result = await batches.next();
    return result.done ? undefined : result.value;
  };
  const pullWhile = async (
    wanted: (events: number, position: Position) => boolean,
  ): Promise<RecordedEvent[]> => {
    const events: RecordedEvent[] = [];
    for (let reached = START; wanted(events.length, reached);) {
      const batch = await next();
      if (!batch) throw new Error('the subscription ended');
      events.push(...batch.events);
      reached = batch.position;
    }
    return events;
  };
  return {
    next,
    /** Everything up to a position that is still to come. */
    until: (position: Position) => pullWhile((_, reached) => reached < position),
    count: (atLeast: number) => pullWhile((events) => events < atLeast),
    abort: () => {
      controller.abort();
    },
    end: async () => {
      controller.abort();
      while (await next());
    },
  };
};
