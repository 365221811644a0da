import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LmdbIndex, type IndexedCommit } from '../../../src/eventstore/embedded/log-index.js';
import { smallDisk } from '../../support/small-disk.js';

const disk = smallDisk('3m');

const RECORDS = 500;
const stream = Buffer.from('orders-1');

const commit = (batch: number): IndexedCommit => ({
  number: 1 + batch * RECORDS,
  count: RECORDS,
  offset: batch * 4096,
  chain: Buffer.alloc(32, batch),
  runs: [
    {
      stream,
      revision: batch * RECORDS,
      number: 1 + batch * RECORDS,
      count: RECORDS,
      offset: batch * 4096,
      bytes: 4096,
      ids: Array.from({ length: RECORDS }, () => randomBytes(16)),
      truncation: false,
    },
  ],
});

// Only an administrator may mount a disk.
(disk.mounted ? describe : describe.skip)('The index of the log on a disk that is full', () => {
  const rejections: unknown[] = [];
  const count = (reason: unknown): void => void rejections.push(reason);
  beforeAll(() => {
    // LMDB says each failure there, too.
    jest.spyOn(console, 'error').mockImplementation(() => undefined);
    process.on('unhandledRejection', count);
  });
  afterAll(() => {
    process.off('unhandledRejection', count);
    jest.restoreAllMocks();
    disk.remove();
  });

  it('takes a commit whole or not at all, and goes on when there is room, without a restart', async () => {
    const ballast = join(disk.path, 'ballast');
    const index = LmdbIndex.open(join(disk.path, 'log.lmdb'));
    const { bavail, bsize } = statfsSync(disk.path);
    await writeFile(ballast, Buffer.alloc(bavail * bsize - 1_000_000));

    let batch = 0;
    const write = (): Promise<unknown> => index.write([commit(batch)]).then(() => (batch += 1));
    let refused: unknown;
    while (refused === undefined && batch < 100) await write().catch((error: unknown) => (refused = error));
    expect(String(refused)).toContain('could not be written');
    // Another batch may fit into pages that are free inside the file.
    for (let again = 0; again < 3; again += 1) await write().catch(() => undefined);
    expect(index.checkpoint()).toMatchObject({ number: batch * RECORDS });
    expect(index.counts()).toEqual({ streams: 1, ids: batch * RECORDS });

    await unlink(ballast);
    await write();
    expect(index.checkpoint()).toMatchObject({ number: batch * RECORDS });
    expect(index.stream(stream)).toEqual({ next: batch * RECORDS, before: 0 });
    expect(index.counts()).toEqual({ streams: 1, ids: batch * RECORDS });
    await index.close();
    expect(rejections).toEqual([]);
  });
});
