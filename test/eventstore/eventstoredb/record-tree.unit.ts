import { describe, expect, it } from '@jest/globals';
import type { TenantId } from '../../../src/domain/ids.js';
import { append, EMPTY, hashLeaf, rootOf } from '../../../src/domain/integrity/merkle.js';
import { payloadOf } from '../../../src/eventstore/embedded/record.js';
import { RecordTree } from '../../../src/eventstore/eventstoredb/record-tree.js';
import type { Position } from '../../../src/eventstore/event-store.js';
import { sha256 } from '../../../src/eventstore/tree-file.js';
import { afterCrash, FaultyFiles, seededRandom, survives } from '../../support/faulty-files.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const TENANT = 'ten_1' as TenantId;
const DIRECTORY = '/index';

/** A log whose positions have gaps, and trees on it in files that crash. */
const bench = (seed = 1) => {
  const random = seededRandom(seed);
  const log = new MemoryEventLog(() => 1 + Math.floor(random() * 4));
  const files = new FaultyFiles();
  void files.makeDirectory(DIRECTORY);
  const open = (on: MemoryEventLog = log) =>
    new RecordTree(files, DIRECTORY, {
      readAll: (after) => on.readAll(after),
      recordAt: (position) => Promise.resolve(on.events.find((event) => event.position === position)),
      payloadOf,
    });
  const add = (to: MemoryEventLog, count: number, text = ''): void => {
    for (let i = 0; i < count; i += 1) to.append(TENANT, `things-${i % 3}`, 'ThingHappened', { i, text });
  };
  const defined = (of: MemoryEventLog = log) => {
    const leaves = of.events.map((event) => hashLeaf(sha256, payloadOf(event)));
    const tree = leaves.reduce((grown, leaf) => append(sha256, grown, leaf), EMPTY);
    return { size: leaves.length, root: rootOf(sha256, tree) };
  };
  return { log, files, open, add, defined, random };
};

describe('the tree over a log that is a server’s', () => {
  it('is the right one wherever power fails while it grows, and is made anew', async () => {
    const { log, files, open, add, defined, random } = bench();
    let tree = open();
    for (let step = 0; step < 60; step += 1) {
      add(log, 1 + (step % 5));
      // Before one of the next writes the machine dies: what was not flushed is there, gone, or there in part.
      let left = step % 7;
      files.fault = ({ kind }) => (kind !== 'create' && left-- === 0 ? new Error('died') : undefined);
      await (step % 11 === 10 ? tree.rebuild() : tree.head()).catch(() => undefined);
      files.fault = () => undefined;
      await tree.close();
      const keeps = [survives.all, survives.nothing, survives.some(random)][step % 3]!;
      files.state = afterCrash(files.state, keeps);
      tree = open();
      if (step % 4 !== 0) continue;
      expect(await tree.head()).toEqual(defined());
      expect(await tree.indexOf(log.events.at(-1)!.position)).toBe(log.events.length - 1);
      expect(await tree.indexOf(log.events[0]!.position)).toBe(0);
    }
    expect(await tree.head()).toEqual(defined());
    await tree.close();
  });

  it.each([
    ['has other records at the same positions', (log: MemoryEventLog) => log.events.length],
    ['is shorter', (log: MemoryEventLog) => log.events.length - 3],
    ['is empty', () => 0],
  ])('is begun anew where the log is another one that %s', async (_, length) => {
    const { log, open, add, defined } = bench();
    add(log, 9);
    const tree = open();
    await tree.head();
    await tree.close();

    const other = new MemoryEventLog();
    add(other, length(log), 'other');
    for (const [i, event] of other.events.entries())
      other.events[i] = { ...event, id: event.id.replace(/^0/, 'f') as typeof event.id };
    const there = open(other);
    expect(await there.head()).toEqual(defined(other));
    expect(await there.positionOf(length(log))).toBeUndefined();
    await there.close();
  });

  it('has no leaf at positions between those of records', async () => {
    const { log, open, add } = bench();
    add(log, 5);
    const tree = open();
    const places = log.events.map(({ position }) => Number.parseInt(position, 16));
    for (let at = 0; at <= Math.max(...places) + 2; at += 1) {
      const found = await tree.indexOf(at.toString(16).padStart(16, '0') as Position);
      expect(found ?? -1).toBe(places.indexOf(at));
    }
    await tree.close();
  });

  it('shows no content that is not what its leaf was made of', async () => {
    const { log, open, add } = bench();
    add(log, 3);
    const tree = open();
    await tree.head();
    const [first] = log.events;
    log.events[0] = { ...first!, data: { i: 7 } };
    expect(await tree.dataOf(0)).toBeUndefined();
    expect(await tree.dataOf(1)).toEqual(payloadOf(log.events[1]!));
    await tree.close();
  });
});
