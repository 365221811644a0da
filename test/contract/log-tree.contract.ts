import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  append,
  EMPTY,
  hashLeaf,
  proveConsistency,
  proveInclusion,
  rootOf,
  verifyConsistency,
  verifyInclusion,
  type Hash,
} from '../../src/domain/integrity/merkle.js';
import { readCheckpoint } from '../../src/domain/integrity/checkpoint.js';
import { checkSignature, readNote } from '../../src/domain/integrity/signed-note.js';
import { payloadOf } from '../../src/eventstore/embedded/record.js';
import { START, type Position, type RecordedEvent } from '../../src/eventstore/event-store.js';
import type { LogTree } from '../../src/eventstore/log-tree.js';
import { sha256 } from '../../src/eventstore/tree-file.js';
import { verifyEd25519 } from '../../src/platform/signing.js';
import { checkpointsOn, testSigner } from '../support/sealed-checkpoints.js';
import { eventFactory, stream } from '../support/log-events.js';
import type { Log } from './event-store.contract.js';

/** What can happen to the files that a tree is kept in, while nobody has them open. */
export type Damage = 'lost' | 'cut off' | 'overwritten';

/** A log of its own for one test, which may have records before the test appends any. */
export interface LogTreeHarness {
  /** The log as it is now: another object after `reopen`. */
  readonly log: Log & { readonly tree: LogTree };
  /** Ends the log in good order, does something to the tree's files, and opens it again. */
  reopen(damage?: Damage): Promise<void>;
  close(): Promise<void>;
}

/** What every tree over a log keeps to. */
export const logTreeContract = (name: string, makeHarness: () => Promise<LogTreeHarness>): void => {
  describe(`${name} keeps the contract of trees`, () => {
    let harness: LogTreeHarness;
    let streams = 0;
    const event = eventFactory(7);

    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(() => harness.close());

    /** Appends to a stream that was not there before; the position of the last record. */
    const add = async (count: number): Promise<Position> => {
      streams += 1;
      const outcome = await harness.log.append(stream(`leaves-${streams}`), 'none', event.many(count));
      if (outcome.outcome !== 'appended') throw new Error(outcome.outcome);
      return outcome.position;
    };
    const chunk = async (data: Uint8Array): Promise<Position> => {
      streams += 1;
      const outcome = await harness.log.append(stream(`chunks-${streams}`), 'none', [event.binary(data)]);
      if (outcome.outcome !== 'appended') throw new Error(outcome.outcome);
      return outcome.position;
    };
    const records = async (): Promise<RecordedEvent[]> => {
      const found: RecordedEvent[] = [];
      for await (const { events } of harness.log.readAll(START)) found.push(...events);
      return found;
    };
    /** The tree as RFC 6962 defines it over the payloads of all that readers see. */
    const defined = async () => {
      const all = await records();
      const leaves = all.map((record): Hash => hashLeaf(sha256, payloadOf(record)));
      const frontier = leaves.reduce((tree, leaf) => append(sha256, tree, leaf), EMPTY);
      return { all, leaves, head: { size: all.length, root: rootOf(sha256, frontier) } };
    };

    it('has everything that is acknowledged, each record by its payload in the log’s order', async () => {
      await add(3);
      expect(await harness.log.tree.head()).toEqual((await defined()).head);
      await chunk(Buffer.from('{"type":"api_call"}\n'));
      await Promise.all([add(1), add(4), chunk(Buffer.alloc(200_000, 0x20))]);
      expect(await harness.log.tree.head()).toEqual((await defined()).head);
    });

    it('knows which leaf a record is and which record a leaf, and what it was made of', async () => {
      await add(5);
      await chunk(Buffer.of(0, 1, 2, 255));
      const { tree } = harness.log;
      const { all, leaves, head } = await defined();
      for (const [index, record] of all.entries()) {
        expect(await tree.indexOf(record.position)).toBe(index);
        expect(await tree.positionOf(index)).toBe(record.position);
        const data = await tree.dataOf(index);
        expect(data && hashLeaf(sha256, data)).toEqual(leaves[index]);
      }
      expect(await tree.positionOf(head.size)).toBeUndefined();
      for (const none of [START, 'ffffffffffffffff' as Position])
        expect(await tree.indexOf(none)).toBeUndefined();
    });

    it('proves each record, and that it only grew', async () => {
      await add(9);
      const { tree } = harness.log;
      const before = await tree.head();
      await add(4);
      const { leaves, head } = await defined();
      for (const [index, leaf] of leaves.entries()) {
        const proof = await proveInclusion(sha256, tree.nodes, index, head.size);
        expect(verifyInclusion(sha256, { index, size: head.size, leaf, root: head.root }, proof)).toBe(true);
      }
      const proof = await proveConsistency(sha256, tree.nodes, before.size, head.size);
      expect(verifyConsistency(sha256, before, head, proof)).toBe(true);
    });

    it('gives no node of what is not there yet', async () => {
      await add(2);
      const { size } = await harness.log.tree.head();
      await expect(harness.log.tree.nodes([{ level: 0, index: size }])).rejects.toThrow(RangeError);
    });

    it('goes on after a restart', async () => {
      await add(6);
      const before = await harness.log.tree.head();
      await harness.reopen();
      expect(await harness.log.tree.head()).toEqual(before);
      await add(3);
      await harness.reopen();
      await add(2);
      expect(await harness.log.tree.head()).toEqual((await defined()).head);
    });

    it.each<Damage>(['lost', 'cut off', 'overwritten'])(
      'is made anew where its files are %s',
      async (damage) => {
        const position = await add(12);
        await harness.log.tree.head();
        await harness.reopen(damage);
        const { head } = await defined();
        expect(await harness.log.tree.head()).toEqual(head);
        expect(await harness.log.tree.indexOf(position)).toBe(head.size - 1);
      },
    );

    it('is made anew when that is asked for', async () => {
      await add(12);
      const before = await harness.log.tree.head();
      await harness.log.tree.rebuild();
      expect(await harness.log.tree.head()).toEqual(before);
    });

    it('is the same for all who ask at once, while records come', async () => {
      const heads = await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          if (n % 2 === 0) await add(2);
          return harness.log.tree.head();
        }),
      );
      const { head } = await defined();
      expect(await harness.log.tree.head()).toEqual(head);
      for (const earlier of heads) {
        const proof = await proveConsistency(sha256, harness.log.tree.nodes, earlier.size, head.size);
        expect(verifyConsistency(sha256, earlier, head, proof)).toBe(true);
      }
    });

    it('is sealed: a checkpoint covers what is new, and nothing is appended where nothing is', async () => {
      await add(3);
      const { head } = await defined();
      const { seal, copies } = checkpointsOn(harness.log);
      await seal();
      const note = readNote(copies[0] ?? '')!;
      expect(checkSignature(verifyEd25519, note, testSigner().key).found).toBe('valid');
      expect(readCheckpoint(note.text)).toEqual({ origin: testSigner().key.name, ...head });
      const end = await harness.log.head();
      await harness.reopen();
      await checkpointsOn(harness.log).seal();
      expect(await harness.log.head()).toBe(end);
    });

    it('says that it was closed', async () => {
      const { tree } = harness.log;
      await add(1);
      await harness.reopen();
      await expect(tree.head()).rejects.toThrow('closed');
    });
  });
};
