import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LmdbIndex, type IndexedCommit } from '../../../src/eventstore/embedded/log-index.js';

const mountPoint = mkdtempSync(join(tmpdir(), 'pulsestream-small-disk-'));
const mounted =
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mountPoint], { stdio: 'ignore' }).status === 0;

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
(mounted ? describe : describe.skip)('The index of the log on a disk that is full', () => {
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
    spawnSync('umount', ['-l', mountPoint]);
    rmSync(mountPoint, { recursive: true });
  });

  it('takes a commit whole or not at all, and goes on when there is room, without a restart', async () => {
    const ballast = join(mountPoint, 'ballast');
    const index = LmdbIndex.open(join(mountPoint, 'log.lmdb'));
    const { bavail, bsize } = statfsSync(mountPoint);
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
