import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { LARGE_BYTES } from '../../../src/eventstore/embedded/group-commit.js';
import type { LogVerification } from '../../../src/eventstore/embedded/verify-log.js';
import { BytesInPieces, type NewEvent } from '../../../src/eventstore/event-store.js';
import { compile, type Compiled } from '../../support/compiled.js';
import { newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { allEvents } from '../../support/simulated-log.js';

let program: Compiled;
let directory = '';
beforeAll(async () => {
  program = await compile('src/platform', 'src/domain', 'src/eventstore');
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

describe('Verification in threads', () => {
  const fill = async (): Promise<void> => {
    const log = await open(program.url('src/eventstore/embedded/log-worker'));
    for (let n = 0; n < 60; n += 1)
      await log.append(stream(`orders-${n % 3}`), n < 3 ? 'none' : revision(Math.floor(n / 3) - 1), [
        large(3),
      ]);
    await log.close();
  };
  const verifyBoth = async (): Promise<LogVerification> => {
    const threads = program.url('src/eventstore/embedded/log-worker');
    const seen: number[] = [];
    const inThreads = await EmbeddedEventStore.verifyAt(
      directory,
      { ...smallLog, threads },
      ({ bytes, total }) => seen.push(bytes / total),
    );
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
    expect(inThreads).toEqual(await EmbeddedEventStore.verifyAt(directory, smallLog));
    return inThreads;
  };

  it('finds nothing in a log as it was written', async () => {
    await fill();
    expect(await verifyBoth()).toMatchObject({ records: 60, problems: [] });
  });

  it('finds what is damaged, missing, moved or added, where it is, as verification in one thread does', async () => {
    await fill();
    const log = join(directory, 'log');
    const names = (await readdir(log)).sort();
    const [first = '', second = '', third = ''] = names;
    const last = names.at(-1) ?? '';
    const pristine = new Map(
      await Promise.all(
        (await readdir(log)).map(async (name) => [name, await readFile(join(log, name))] as const),
      ),
    );
    const change = async (name: string, change: (bytes: Buffer) => Buffer): Promise<string[]> => {
      const bytes = pristine.get(name) ?? Buffer.alloc(0);
      await writeFile(join(log, name), change(Buffer.from(bytes)));
      const { problems } = await verifyBoth();
      await writeFile(join(log, name), bytes);
      return problems.map(({ segment, detail }) => `${segment}: ${detail}`);
    };
    const flipped = await change(second, (bytes) => bytes.fill(bytes[90_000]! ^ 1, 90_000, 90_001));
    expect(flipped[0]).toBe(`${second}: a commit does not check out`);
    expect(flipped).toContain(`${third}: records are missing before it`);
    const cut = await change(last, (bytes) =>
      bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) - 1_000),
    );
    expect(cut).toEqual([`${last}: a commit does not check out`]);
    const added = await change(first, (bytes) => Buffer.concat([bytes, Buffer.alloc(4_096, 1)]));
    expect(added[0]).toBe(`${first}: a commit does not check out`);
    const room = await change(first, (bytes) => Buffer.concat([bytes, Buffer.alloc(8_192), Buffer.of(1)]));
    expect(room).toEqual([`${first}: there is something where nothing was written`]);
    await rm(join(log, second));
    expect((await verifyBoth()).problems[0]).toMatchObject({
      segment: third,
      detail: 'records are missing before it',
    });
  });
});

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
