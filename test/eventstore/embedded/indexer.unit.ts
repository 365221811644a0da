import { beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Indexer } from '../../../src/eventstore/embedded/indexer.js';
import type { IndexedCommit } from '../../../src/eventstore/embedded/log-index.js';
import { Unindexed } from '../../../src/eventstore/embedded/unindexed.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryLogIndex } from '../../support/memory-log-index.js';
import { until } from '../../support/until.js';

/** An index on a disk that a test fills. */
class IndexOnFullDisk extends MemoryLogIndex {
  full = false;
  tries = 0;
  /** What a write waits for. */
  gate: Promise<void> = Promise.resolve();

  override async write(commits: readonly IndexedCommit[]): Promise<void> {
    this.tries += 1;
    const { full } = this;
    await this.gate;
    if (full) throw new Error('no room');
    await super.write(commits);
  }
}

const commit = (number: number): IndexedCommit => ({
  number,
  count: 1,
  offset: number * 4096,
  chain: Buffer.alloc(32, number),
  runs: [
    {
      stream: Buffer.from('orders-1'),
      revision: number - 1,
      number,
      count: 1,
      offset: number * 4096,
      bytes: 100,
      ids: [randomBytes(16)],
      truncation: false,
    },
  ],
});

describe('Writing the index behind the log', () => {
  let index: IndexOnFullDisk;
  let clock: ManualClock;
  let indexer: Indexer;
  beforeEach(() => {
    index = new IndexOnFullDisk();
    clock = new ManualClock();
    indexer = new Indexer(index, new Unindexed(index), clock);
  });

  it('writes at once what somebody waits for', async () => {
    indexer.add(commit(1));
    expect(await indexer.flush()).toBe(true);
    expect(index.checkpoint()).toMatchObject({ number: 1 });
  });

  it('writes what came while an earlier batch was written, too', async () => {
    let open = (): void => undefined;
    index.gate = new Promise((resolve) => (open = resolve));
    indexer.add(commit(1));
    const first = indexer.flush();
    await until(() => index.tries === 1);
    indexer.add(commit(2));
    const second = indexer.flush();
    open();
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(index.checkpoint()).toMatchObject({ number: 2 });
  });

  it('tries again when somebody waits, without the pause that follows a failure', async () => {
    index.full = true;
    indexer.add(commit(1));
    expect(await indexer.flush()).toBe(false);
    expect(indexer.trouble).toBe('no room');

    index.full = false;
    expect(await indexer.flush()).toBe(true);
    expect(index.checkpoint()).toMatchObject({ number: 1 });
    expect(indexer.trouble).toBeUndefined();
  });

  it('does not take a try that began before for the answer', async () => {
    let open = (): void => undefined;
    index.gate = new Promise((resolve) => (open = resolve));
    index.full = true;
    indexer.add(commit(1));
    clock.advance(200);
    await until(() => index.tries === 1);
    index.full = false;
    const flushed = indexer.flush();
    open();
    expect(await flushed).toBe(true);
    expect(index.checkpoint()).toMatchObject({ number: 1 });
  });

  it('tries by itself after a pause', async () => {
    index.full = true;
    indexer.add(commit(1));
    expect(await indexer.flush()).toBe(false);
    index.full = false;
    await until(() => {
      clock.advance(1_000);
      return index.checkpoint()?.number === 1;
    });
  });

  it('is closed without a pause, whether the last try succeeds or not', async () => {
    index.full = true;
    indexer.add(commit(1));
    expect(await indexer.flush()).toBe(false);
    await indexer.close();
    expect(index.checkpoint()).toBeUndefined();
  });
});
