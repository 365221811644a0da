import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { copyServerLog } from '../../src/stores.js';
import { verifyLog, type Verification } from '../../src/verifier/verify.js';
import { install, type Installation } from '../eventstore/eventstoredb/harness.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../support/embedded-log.js';
import type { StoredRecord } from '../support/eventstoredb-server/database.js';
import { eventFactory, revision, stream } from '../support/log-events.js';
import { checkpointsOn, testSigner, testWitness } from '../support/sealed-checkpoints.js';

let installation: Installation;
let copies: readonly string[];
/** All that the server has, as it was when the last checkpoint was signed. */
let records: readonly StoredRecord[];

const EVENTS = 120;

beforeAll(async () => {
  installation = await install();
  const log = await installation.open();
  const checkpoints = checkpointsOn(log);
  const event = eventFactory();
  for (let i = 0; i < EVENTS; i += 1) {
    const at = Math.floor(i / 3);
    const one = i % 5 === 0 ? event.binary(Buffer.from(`line ${i}\n`)) : event.json({ i });
    await log.append(stream(`things-${i % 3}`), at === 0 ? 'none' : revision(at - 1), [one]);
    if (i % 40 === 39) await checkpoints.seal();
  }
  ({ copies } = checkpoints);
  records = [...installation.server.database.records];
});
afterAll(() => installation.close());

/** Exports what a server holds that has these records, and verifies the copy. */
const verified = async (held: readonly StoredRecord[], withCopies = true): Promise<Verification> => {
  installation.server.database.records.splice(0, Infinity, ...held);
  const directory = await temporaryDirectory();
  try {
    await copyServerLog(installation.server.url, directory, () => undefined);
    const names = (await readdir(join(directory, 'log'))).sort();
    const source = { names, read: (name: string) => readFile(join(directory, 'log', name)) };
    return await verifyLog(source, {
      trust: { keys: [testSigner().key], witness_keys: [testWitness().key] },
      copies: withCopies ? copies.map((note) => ({ note, found_in: 'witness' })) : [],
    });
  } finally {
    installation.server.database.records.splice(0, Infinity, ...records);
    await removeDirectory(directory);
  }
};

/** Where ours stand among all records of the server. */
const ours = (): number[] => [...records.keys()].filter((i) => !records[i]!.stream.startsWith('$'));
const codes = ({ problems }: Verification): string[] => problems.map(({ code }) => code);

describe('the copy of a log that EventStoreDB keeps', () => {
  it('checks out against the checkpoints in it and against those that a witness kept', async () => {
    const found = await verified(records);
    expect(found).toMatchObject({ ok: true, problems: [], records: ours().length });
    expect(found.checkpoints).toEqual({ in_log: 3, copies: 3 });
    expect(found.covered).toEqual({ records: ours().length - 1, by_copies: ours().length - 1 });
  });

  it('is a log in files: the same records in the same order', async () => {
    const directory = await temporaryDirectory();
    await copyServerLog(installation.server.url, directory, () => undefined);
    expect((await EmbeddedEventStore.verifyAt(directory, smallLog)).problems).toEqual([]);
    await expect(copyServerLog(installation.server.url, directory, () => undefined)).rejects.toThrow(
      'holds a log',
    );
    await removeDirectory(directory);
  });

  it('shows each record that was changed on the server, in whatever of it', async () => {
    const places = ours().slice(0, -1);
    const other = (bytes: Uint8Array): Uint8Array => {
      const text = Buffer.from(bytes)
        .toString()
        .replace(/\d(?!.*\d)/s, (digit) => String((Number(digit) + 1) % 10));
      return Buffer.from(text);
    };
    const changes: readonly ((record: StoredRecord) => StoredRecord)[] = [
      (record) => ({ ...record, data: other(record.data) }),
      (record) => ({ ...record, metadata: other(record.metadata) }),
      (record) => ({ ...record, type: `${record.type}s` }),
      (record) => ({ ...record, id: record.id.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) }),
      (record) => ({ ...record, stream: `${record.stream}x` }),
      (record) => ({ ...record, revision: record.revision + 1 }),
    ];
    for (let n = 0; n < places.length; n += 9) {
      const at = places[n]!;
      const found = await verified(records.with(at, changes[(n / 9) % changes.length]!(records[at]!)));
      expect({ n, codes: codes(found) }).toEqual({ n, codes: expect.arrayContaining(['differs']) });
      const [first, last] = found.problems.find(({ code }) => code === 'differs')!.records!;
      expect(first).toBeLessThanOrEqual(n + 1);
      expect(last).toBeGreaterThan(n);
    }
  });

  it('shows records that were removed, added or swapped, and an end that was cut off', async () => {
    const [first, second] = ours();
    const at = ours()[50]!;
    const made = { ...records[at]!, id: '00000009-0000-8000-8000-000000000001' };
    expect(codes(await verified(records.toSpliced(at, 1)))).toContain('differs');
    expect(codes(await verified(records.toSpliced(at, 0, made)))).toContain('differs');
    expect(
      codes(await verified(records.with(first!, records[second!]!).with(second!, records[first!]!))),
    ).toContain('differs');
    const cut = records.slice(0, ours()[60]);
    expect(codes(await verified(cut))).toContain('too_short');
    // Without copies from outside nothing tells.
    expect(codes(await verified(cut, false))).toEqual([]);
  });

  it('passes over what others than PulseStream have on the server', async () => {
    const foreign = { ...records[ours()[5]!]!, stream: 'other-program', metadata: new Uint8Array(0) };
    expect((await verified(records.toSpliced(ours()[6]!, 0, foreign))).ok).toBe(true);
  });
});
