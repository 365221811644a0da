import { describe, expect, it } from '@jest/globals';
import { readCheckpoint } from '../../../src/domain/integrity/checkpoint.js';
import { rootAt } from '../../../src/domain/integrity/merkle.js';
import type { CheckpointSealed } from '../../../src/domain/integrity/seals.js';
import { checkSignature, readNote } from '../../../src/domain/integrity/signed-note.js';
import { layoutOf } from '../../../src/eventstore/embedded/layout.js';
import type { LogTree } from '../../../src/eventstore/log-tree.js';
import { sha256 } from '../../../src/eventstore/tree-file.js';
import { verifyEd25519 } from '../../../src/platform/signing.js';
import {
  CheckpointSealer,
  type SealerDependencies,
} from '../../../src/processes/checkpoints/checkpoint-sealer.js';
import { logSigner } from '../../../src/processes/checkpoints/log-signer.js';
import { recordSeal } from '../../../src/processes/checkpoints/record-seal.js';
import type { Witness } from '../../../src/processes/checkpoints/witness.js';
import { Snapshots } from '../../../src/processes/snapshots.js';
import { commandBench } from '../../support/command-bench.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { allEvents, DIRECTORY, newSimulatedLog } from '../../support/simulated-log.js';

const signer = logSigner(Buffer.alloc(32, 9).toString('base64url'), 'log.example/test');

/** A log, and sealers that are started and stopped on it: each look at the log is one of these. */
const bench = async () => {
  const { files, log } = await newSimulatedLog();
  const store = new MemoryReadStore();
  const { pipeline, guard } = commandBench({ log, store });
  const event = eventFactory();
  let things = 0;
  const errors: unknown[] = [];
  const sealer = (more: Partial<SealerDependencies> = {}): CheckpointSealer =>
    new CheckpointSealer({
      log,
      tree: log.tree,
      sha256,
      signer,
      record: recordSeal(pipeline),
      witnesses: [],
      snapshots: new Snapshots(store),
      clock: new ManualClock(),
      logger: {
        info: () => undefined,
        warn: () => undefined,
        error: (...about: unknown[]) => errors.push(about),
      },
      every_ms: 5_000,
      ...more,
    });
  const events = () => allEvents(log);
  return {
    files,
    log,
    store,
    guard,
    sealer,
    events,
    errors,
    append: async (count: number) => {
      const outcome = await log.append(
        stream('things-1'),
        things === 0 ? 'none' : revision(things - 1),
        event.many(count),
      );
      things += count;
      return outcome;
    },
    /** As a server that is started and stopped. */
    session: async (more: Partial<SealerDependencies> = {}) => {
      const one = sealer(more);
      one.start();
      await one.stop();
      return one;
    },
    seals: async () =>
      (await events())
        .filter(({ type }) => type === 'CheckpointSealed')
        .map(({ data, ...rest }) => ({ ...rest, data: data as CheckpointSealed['data'] })),
  };
};

describe('the sealer', () => {
  it('signs the tree over everything new, on account of the last record that it covers', async () => {
    const { append, session, seals, events, log } = await bench();
    await append(3);
    const sealer = await session();
    const [sealed, ...more] = await seals();
    expect(more).toEqual([]);
    const { size, note } = sealed!.data;
    const read = readNote(note)!;
    expect(checkSignature(verifyEd25519, read, signer.key).found).toBe('valid');
    expect(readCheckpoint(read.text)).toEqual({
      origin: 'log.example/test',
      size: 3,
      root: await rootAt(sha256, log.tree.nodes, 3),
    });
    const [, , third] = await events();
    expect(sealed!.metadata).toMatchObject({
      actor: { kind: 'process', id: 'sealer' },
      origin: 'process_manager',
      causation_id: third!.id,
      correlation_id: third!.metadata.correlation_id,
    });
    expect(sealed!.metadata.tenant_id).toBeUndefined();
    expect(sealed!.stream).toBe('seals');
    expect(size).toBe(3);
    expect(sealer.latest()).toEqual({ size, note });
  });

  it('appends nothing in 100 restarts where nothing is new, whatever is left of its own state', async () => {
    const { append, session, seals, log, store } = await bench();
    await session();
    expect(await seals()).toEqual([]);
    await append(2);
    await session();
    const head = await log.head();
    for (let restart = 0; restart < 100; restart += 1)
      await session(
        restart % 2
          ? { snapshots: new Snapshots(new MemoryReadStore()) }
          : { snapshots: new Snapshots(store) },
      );
    expect(await log.head()).toBe(head);
    expect(await seals()).toHaveLength(1);
  });

  it('goes on from one checkpoint to the next, each of which begins with the one before', async () => {
    const { append, session, seals, log } = await bench();
    for (let round = 1; round <= 70; round += 1) {
      await append(1);
      await session();
    }
    const sealed = await seals();
    expect(sealed.map(({ data }) => data.size)).toEqual(Array.from({ length: 70 }, (_, i) => 2 * i + 1));
    for (const { data } of sealed)
      expect(Buffer.from(await rootAt(sha256, log.tree.nodes, data.size)).toString('base64')).toBe(data.root);
  });

  it('waits under the guard, and seals when it is lowered', async () => {
    const { append, sealer, seals, guard } = await bench();
    await append(2);
    guard.apply({
      type: 'DeploymentBegun',
      data: { deployment_id: 'dep_1' as never, release: '2', mode: 'strict', epoch: 1 },
    });
    const clock = new ManualClock();
    const one = sealer({ clock });
    one.start();
    while (one.status().state !== 'waiting') await new Promise(setImmediate);
    expect(await seals()).toEqual([]);
    guard.apply({ type: 'DeploymentCompleted', data: { deployment_id: 'dep_1' as never, epoch: 2 } });
    clock.advance(5_000);
    while ((await seals()).length === 0) await new Promise(setImmediate);
    await one.stop();
    expect(await seals()).toHaveLength(1);
  });

  it('leaves one record where several seal the same at the same time', async () => {
    const { append, session, seals } = await bench();
    for (let round = 1; round <= 5; round += 1) {
      await append(2);
      await Promise.all([session(), session(), session()]);
      expect(await seals()).toHaveLength(round);
    }
  });

  it('makes the tree anew where what is kept of it is damaged, and signs the right one', async () => {
    const { append, session, seals, files, log, errors } = await bench();
    await append(5);
    await session();
    await append(5);
    await log.tree.head();
    const file = await files.open(layoutOf(DIRECTORY).tree, 'write');
    await file.write(Buffer.alloc(64, 1), 64);
    await file.write(Buffer.alloc(32, 1), 64 + 6 * 32);
    await session();
    expect(errors).toEqual([]);
    const [, second] = await seals();
    expect(Buffer.from(await rootAt(sha256, log.tree.nodes, 11)).toString('base64')).toBe(second!.data.root);
  });

  it('never signs a history that was changed, and says so', async () => {
    const { append, sealer, seals, log } = await bench();
    await append(4);
    const before = sealer();
    before.start();
    await before.stop();
    await append(4);
    const changed: LogTree = {
      head: () => log.tree.head(),
      nodes: async (places) => (await log.tree.nodes(places)).map((node) => Uint8Array.from(node).with(3, 0)),
      indexOf: (position) => log.tree.indexOf(position),
      positionOf: (index) => log.tree.positionOf(index),
      dataOf: (index) => log.tree.dataOf(index),
      rebuild: () => Promise.resolve(),
    };
    const clock = new ManualClock();
    const one = sealer({ tree: changed, clock });
    one.start();
    while (one.status().state !== 'failing') await new Promise(setImmediate);
    expect(one.status().detail).toContain('first 4 records');
    await one.stop();
    expect(await seals()).toHaveLength(1);
  });

  it('hands each witness a copy, and again until it has one', async () => {
    const { append, session } = await bench();
    const taken: string[] = [];
    let away = true;
    const witness = (name: string): Witness => ({
      name,
      publish: ({ size, note }) => {
        if (name === 'b' && away) return Promise.reject(new Error('away'));
        taken.push(`${name}${size}`);
        return Promise.resolve(`${note}— ${name} cosigned\n`);
      },
    });
    const witnesses = [witness('a'), witness('b'), witness('c')];
    await append(1);
    const first = await session({ witnesses });
    expect(taken).toEqual(['a1', 'c1']);
    expect(first.latest()?.note).toMatch(/— a cosigned\n— c cosigned\n$/);
    away = false;
    await session({ witnesses });
    expect(taken).toEqual(['a1', 'c1', 'a1', 'b1', 'c1']);
  });
});
