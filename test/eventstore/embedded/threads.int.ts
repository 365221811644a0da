import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { LARGE_BYTES } from '../../../src/eventstore/embedded/group-commit.js';
import { BytesInPieces, type NewEvent } from '../../../src/eventstore/event-store.js';
import { compile, type Compiled } from '../../support/compiled.js';
import { newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { allEvents } from '../../support/simulated-log.js';

let program: Compiled;
let directory = '';
beforeAll(async () => {
  program = await compile('src/platform', 'src/eventstore');
});
afterAll(() => program.remove());
afterEach(() => removeDirectory(directory));

const event = eventFactory();
const large = (fill: number): NewEvent =>
  event.binary(new Uint8Array(LARGE_BYTES * (1 + (fill % 4))).fill(fill));
const open = async (threads: URL): Promise<EmbeddedEventStore> => {
  const made = await newLog({ ...smallLog, threads });
  ({ directory } = made);
  return made.log;
};

describe('A log that seals large appends in a thread', () => {
  it('keeps their order among small ones, and writes what it would have written alone', async () => {
    const log = await open(program.url('src/eventstore/embedded/log-worker'));
    const names = ['orders-1', 'orders-2', 'orders-3'];
    const given = names.map((_, s) =>
      Array.from({ length: 30 }, (_, n) => (n % 3 === s ? event.json({ n }) : large(n))),
    );
    const outcomes = await Promise.all(
      names.flatMap((name, s) =>
        (given[s] ?? []).map((one, n) => log.append(stream(name), n === 0 ? 'none' : revision(n - 1), [one])),
      ),
    );

    expect(outcomes.every(({ outcome }) => outcome === 'appended')).toBe(true);
    const check = async (opened: EmbeddedEventStore): Promise<void> => {
      const all = await allEvents(opened);
      for (const [s, name] of names.entries()) {
        const own = all.filter(({ stream: of }) => of === name);
        expect(own.map(({ id }) => id)).toEqual(given[s]?.map(({ id }) => id));
        for (const [n, { data }] of own.entries()) {
          const due = given[s]?.[n]?.data;
          if (due instanceof Uint8Array) expect(Buffer.compare(data as Uint8Array, due)).toBe(0);
          else expect(data).toEqual(due);
        }
      }
      expect((await opened.verify()).problems).toEqual([]);
    };
    await check(log);
    await log.close();
    const alone = await EmbeddedEventStore.open(directory, smallLog);
    await check(alone);
    await alone.close();
  });

  it('takes data in pieces as it takes data in one', async () => {
    const log = await open(program.url('src/eventstore/embedded/log-worker'));
    for (const [n, length] of [10, LARGE_BYTES * 2].entries()) {
      const pieces = new BytesInPieces(length, (into, offset) => {
        for (let i = 0; i < length; i += 1) into[offset + i] = (i * 7) & 0xff;
      });
      const { id, ...rest } = event.json();
      const given = { ...rest, id, data: pieces };
      expect(await log.append(stream('orders-1'), n === 0 ? 'none' : revision(n - 1), [given])).toMatchObject(
        {
          outcome: 'appended',
        },
      );
      const found = (await allEvents(log)).find((recorded) => recorded.id === id);
      expect(Buffer.compare(found?.data as Uint8Array, pieces.whole())).toBe(0);
    }
    await log.close();
  });

  it('acknowledges nothing where the thread dies, and nothing after it until a restart', async () => {
    const dying = await program.add('src/dying', 'process.exit(1);');
    const log = await open(dying);
    await log.append(stream('orders-1'), 'none', [event.json()]);
    const outcomes = await Promise.allSettled([
      log.append(stream('orders-2'), 'none', [large(1)]),
      log.append(stream('orders-2'), revision(0), [event.json()]),
    ]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'halted' } });
    expect(await log.health()).toMatchObject({ status: 'halted' });
    expect(await allEvents(log)).toHaveLength(1);
    await log.close();

    const again = await EmbeddedEventStore.open(directory, smallLog);
    expect(await allEvents(again)).toHaveLength(1);
    expect(await again.append(stream('orders-2'), 'none', [large(1)])).toMatchObject({ revision: 0 });
    await again.close();
  });
});
