import { hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { append, EMPTY, rootAt, rootOf, type Hash } from '../../../src/domain/integrity/merkle.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { HEADER_BYTES } from '../../../src/eventstore/embedded/format.js';
import { layoutOf } from '../../../src/eventstore/embedded/layout.js';
import { scanSegment } from '../../../src/eventstore/embedded/scan.js';
import { Segments } from '../../../src/eventstore/embedded/segments.js';
import type { Position } from '../../../src/eventstore/event-store.js';
import { afterCrash, seededRandom, survives, type FaultyFiles } from '../../support/faulty-files.js';
import { revision } from '../../support/log-events.js';
import { MemoryLogIndex } from '../../support/memory-log-index.js';
import { SealableLoad, THINGS } from '../../support/sealable-log.js';
import { DIRECTORY, newSimulatedLog, simulated } from '../../support/simulated-log.js';

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const TREE = layoutOf(DIRECTORY).tree;

/** The payloads that stand in the segments of a log that was never sealed, hashed as RFC 6962 has it. */
const leavesOf = async (files: FaultyFiles): Promise<Hash[]> => {
  const segments = await Segments.load(files, layoutOf(DIRECTORY), {
    bytes: (length) => Buffer.alloc(length),
  });
  const leaves: Hash[] = [];
  for (const segment of segments.all) {
    const file = await segments.open(segment, 'read');
    const scan = scanSegment(segment, file, {
      from: HEADER_BYTES,
      to: await file.size(),
      next: segment.first,
    });
    for await (const commits of scan)
      for (const commit of commits)
        for (let i = 0; i < commit.count; i += 1)
          leaves.push(sha256(Buffer.concat([Buffer.of(0), commit.payload(i)])));
  }
  return leaves;
};

const rootsOf = (leaves: readonly Hash[]): string[] => {
  let tree = EMPTY;
  return [tree, ...leaves.map((leaf) => (tree = append(sha256, tree, leaf)))].map((one) =>
    hex(rootOf(sha256, one)),
  );
};

/** The same load on a log that nobody asks for its tree: what the tree should be after each append. */
const reference = async (appends: number): Promise<string[]> => {
  const { files, log } = await newSimulatedLog();
  const load = new SealableLoad();
  for (let i = 0; i < appends; i += 1) await load.append(log);
  await log.close();
  expect(files.state.names.has(TREE)).toBe(false);
  return rootsOf(await leavesOf(files));
};

const APPENDS = 120;

/** Appends while `between` does to log and disk what it likes; every tree on the way must be the right one. */
const holds = async (
  between: (
    log: EmbeddedEventStore,
    files: FaultyFiles,
    reopen: (damage?: () => Promise<unknown>) => Promise<EmbeddedEventStore>,
    step: number,
  ) => Promise<EmbeddedEventStore>,
): Promise<void> => {
  const roots = await reference(APPENDS);
  const index = new MemoryLogIndex();
  const made = await newSimulatedLog({ index });
  const { files } = made;
  let { log } = made;
  const reopen = async (damage?: () => Promise<unknown>): Promise<EmbeddedEventStore> => {
    await log.close();
    await damage?.();
    return EmbeddedEventStore.open(DIRECTORY, simulated(files, { index }));
  };
  const load = new SealableLoad();
  for (let step = 0; step < APPENDS; step += 1) {
    await load.append(log);
    log = await between(log, files, reopen, step);
    if (step % 7 !== 0) continue;
    const { size, root } = await log.tree.head();
    expect({ size, root: hex(root) }).toEqual({
      size: Number.parseInt(await log.head(), 16),
      root: roots[size],
    });
  }
  const { size, root } = await log.tree.head();
  expect({ size, root: hex(root) }).toEqual({ size: roots.length - 1, root: roots.at(-1) });
  for (const earlier of [0, 1, 2, 3, 31, 32, 33, size - 1])
    expect(hex(await rootAt(sha256, log.tree.nodes, earlier))).toBe(roots[earlier]);
  await log.close();
};

describe('the tree over the log', () => {
  it('is that of the payloads as they were acknowledged, truncations included', () =>
    holds((log) => Promise.resolve(log)));

  it('goes on over restarts, and adds what nobody had asked for', () =>
    holds((log, _files, reopen, step) => (step % 10 === 9 ? reopen() : Promise.resolve(log))));

  it('is the same when segments are sealed meanwhile', () =>
    holds(async (log, _files, reopen, step) => {
      if (step % 20 !== 19) return log;
      await log.seal();
      return reopen();
    }));

  it('is made anew of sealed segments and others where its file is lost', () =>
    holds(async (log, files, reopen, step) => {
      if (step % 20 !== 19) return log;
      await log.seal();
      return reopen(() => files.remove(TREE));
    }));

  it('is made anew where its file is cut off, or another log’s', async () => {
    const other = await newSimulatedLog();
    await other.log.truncate(THINGS, revision(1));
    await other.log.tree.head();
    await other.log.close();
    const another = other.files.state.inodes.get(other.files.state.names.get(TREE)!)!.seen;
    await holds((log, files, reopen, step) => {
      if (step % 10 !== 9) return Promise.resolve(log);
      return reopen(async () => {
        const file = await files.open(TREE, 'write');
        await file.truncate(step % 20 === 9 ? Math.floor((await file.size()) / 2) : 0);
        if (step % 20 === 19) await file.write(another, 0);
        await file.close();
      });
    });
  });

  it('is not wrong after a power failure: what was not flushed is added again', async () => {
    const random = seededRandom(5);
    for (const keeps of [survives.all, survives.nothing, survives.some(random), survives.some(random)])
      await holds(async (log, files, reopen, step) => {
        if (step % 15 !== 14) return log;
        await log.tree.head();
        const { state } = files;
        return reopen(() => {
          files.state = afterCrash(state, keeps);
          return Promise.resolve();
        });
      });
  });

  it('survives a disk that fails or is full for a while', async () => {
    const { files, log } = await newSimulatedLog();
    const load = new SealableLoad();
    for (let i = 0; i < 20; i += 1) await load.append(log);
    for (const kind of ['create', 'write', 'flush'] as const) {
      files.fault = (operation) =>
        operation.path === TREE && operation.kind === kind ? new Error(`no ${kind}`) : undefined;
      if (kind !== 'create' || !files.state.names.has(TREE))
        await expect(log.tree.head()).rejects.toThrow(`no ${kind}`);
      files.fault = () => undefined;
      const { size, root } = await log.tree.head();
      expect(hex(root)).toBe(rootsOf(await leavesOf(files))[size]);
      await load.append(log);
    }
    await log.close();
  });

  it('drops what waits too long in memory, and reads it from the log', async () => {
    const { files, log } = await newSimulatedLog({ treeCommits: 16 });
    const load = new SealableLoad();
    for (let i = 0; i < 40; i += 1) await load.append(log);
    const { size, root } = await log.tree.head();
    expect(hex(root)).toBe(rootsOf(await leavesOf(files))[size]);
    await log.close();
  });

  it('knows which leaf a record is, and which record a leaf', async () => {
    const { log } = await newSimulatedLog();
    await new SealableLoad().append(log);
    const head = await log.head();
    const { size } = await log.tree.head();
    expect(await log.tree.indexOf(head)).toBe(size - 1);
    expect(await log.tree.positionOf(size - 1)).toBe(head);
    expect(await log.tree.positionOf(size)).toBeUndefined();
    for (const position of ['0000000000000000', 'ffffffffffffffff'])
      expect(await log.tree.indexOf(position as Position)).toBeUndefined();
    await log.close();
    await expect(log.tree.head()).rejects.toThrow('closed');
  });
});
