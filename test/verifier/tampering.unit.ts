import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  chainAfter,
  commitBytes,
  FORMAT,
  type Format,
  FRAME_BYTES,
  GENESIS,
  HEADER_BYTES,
  leafHash,
  openFrame,
  sealFrame,
  writeHeader,
} from '../../src/eventstore/embedded/format.js';
import { crc32c } from '../../src/eventstore/embedded/crc32c.js';
import { segmentName } from '../../src/eventstore/embedded/layout.js';
import { readLog } from '../../src/verifier/log.js';
import type { ProblemCode } from '../../src/verifier/problem.js';
import { readCommit, readFrame, segmentHeader } from '../../src/verifier/raw-segment.js';
import { verifyLog, type Verification, type VerifyOptions } from '../../src/verifier/verify.js';
import type { Voucher } from '../../src/verifier/vouchers.js';
import { seededRandom } from '../support/faulty-files.js';
import { eventFactory, revision, stream } from '../support/log-events.js';
import { checkpointsOn, segmentsOf, testSigner, testWitness } from '../support/sealed-checkpoints.js';
import { SealableLoad } from '../support/sealable-log.js';
import { newSimulatedLog } from '../support/simulated-log.js';

type Segments = ReadonlyMap<string, Buffer>;

const sourceOf = (segments: Segments) => ({
  names: [...segments.keys()].sort(),
  read: (name: string) => Promise.resolve(Buffer.from(segments.get(name)!)),
});
const asCopies = (notes: readonly string[]): Voucher[] =>
  notes.map((note) => ({ note, found_in: 'witness' }));
const trust = { keys: [testSigner().key], witness_keys: [testWitness().key] };
const verify = (segments: Segments, more: Partial<VerifyOptions> = {}): Promise<Verification> =>
  verifyLog(sourceOf(segments), { trust, copies: [], ...more });
const codes = ({ problems }: Verification): ProblemCode[] =>
  [...new Set(problems.map(({ code }) => code))].sort();

/** The payloads of a log, in order. */
const payloadsOf = async (segments: Segments): Promise<Buffer[]> => {
  const payloads: Buffer[] = [];
  for await (const { payload } of readLog(
    sourceOf(segments),
    (problem) => {
      throw new Error(problem.detail);
    },
    false,
  ))
    payloads.push(Buffer.from(payload!));
  return payloads;
};

/** A log in which everything fits together that needs no key: checksums, chain, numbers. What a rewriter can make. */
const forge = (payloads: readonly Buffer[], format: Format = FORMAT): Segments => {
  const salt = 0x1234;
  const parts: Buffer[] = [];
  let chain: Buffer = GENESIS;
  const header = (kind: 'segment' | 'commit', number: number, count: number, length: number): Buffer => {
    const bytes = Buffer.alloc(HEADER_BYTES);
    writeHeader(bytes, 0, { kind, format, number, count, length, chain, salt });
    return bytes;
  };
  parts.push(header('segment', 1, 0, 0));
  for (const [i, payload] of payloads.entries()) {
    const length = FRAME_BYTES + payload.length;
    const frame = Buffer.alloc(commitBytes(length) - HEADER_BYTES);
    openFrame(frame, 0, payload.length);
    payload.copy(frame, FRAME_BYTES);
    sealFrame(frame, 0);
    if (format === 1) frame.writeUInt32LE(crc32c(frame, 8, length), 4);
    chain = chainAfter(chain, [leafHash(frame, 0)]);
    parts.push(header('commit', i + 1, 1, length), frame);
  }
  return new Map([[segmentName(1), Buffer.concat(parts)]]);
};

const EVENTS = 1_000;
let log: Segments;
let copies: Voucher[];
let payloads: readonly Buffer[];

beforeAll(async () => {
  const made = await newSimulatedLog({ segmentBytes: 128 * 1024 });
  const checkpoints = checkpointsOn(made.log);
  const event = eventFactory();
  const next = new Map<string, number>();
  const random = seededRandom(3);
  let appended = 0;
  while (appended < EVENTS) {
    const name = `things-${Math.floor(random() * 5)}`;
    const count = Math.min(EVENTS - appended, 1 + Math.floor(random() * 4));
    const at = next.get(name) ?? 0;
    await made.log.append(stream(name), at === 0 ? 'none' : revision(at - 1), event.many(count));
    next.set(name, at + count);
    appended += count;
    if (random() < 0.02) await checkpoints.seal();
  }
  await checkpoints.seal();
  await made.log.close();
  log = segmentsOf(made.files);
  copies = asCopies(checkpoints.copies);
  payloads = await payloadsOf(log);
});

describe('a log that nobody touched', () => {
  it('checks out, against its own checkpoints and the witness’s', async () => {
    const found = await verify(log, { copies });
    expect(found).toMatchObject({ ok: true, problems: [], records: payloads.length });
    expect(found.checkpoints.in_log).toBe(copies.length);
    expect(found.checkpoints.copies).toBe(copies.length);
    expect(found.covered).toEqual({ records: payloads.length - 1, by_copies: payloads.length - 1 });
    expect(log.size).toBeGreaterThan(3);
  });

  it('would check out as a rewriter makes it, too: what a forged one lacks is nothing but the key', async () => {
    expect(await verify(forge(payloads), { copies })).toMatchObject({ ok: true });
  });

  it('may be of the first format, whose checksum is another', async () => {
    const [[name, bytes] = []] = [...forge(payloads, 1)];
    expect(await verify(new Map([[name!, bytes!]]), { copies })).toMatchObject({ ok: true });
    expect((await verify(new Map([[name!, flipped(bytes!, (HEADER_BYTES + 200) * 8)]]))).ok).toBe(false);
  });

  it('is the same in its sealed form, truncations and telemetry included', async () => {
    const { files, log: store } = await newSimulatedLog();
    const checkpoints = checkpointsOn(store);
    const load = new SealableLoad();
    for (let i = 0; i < 90; i += 1) {
      await load.append(store);
      if (i % 20 === 0) await checkpoints.seal();
    }
    await checkpoints.seal();
    const before = await verify(segmentsOf(files), { live: true });
    await store.seal();
    await store.close();
    const sealed = segmentsOf(files);
    const after = await verify(sealed, { copies: asCopies(checkpoints.copies) });
    expect({ ...after, checkpoints: before.checkpoints, covered: before.covered }).toEqual({
      ...before,
      ok: true,
      problems: [],
    });

    // Somewhere in each segment, and at its ends.
    const random = seededRandom(8);
    for (const [name, bytes] of sealed)
      for (let flips = 0; flips < 6; flips += 1) {
        const bit = flips === 0 ? 0 : Math.floor(random() * bytes.length * 8);
        const { ok } = await verify(new Map([...sealed, [name, flipped(bytes, bit)]]));
        expect({ name, bit, ok }).toEqual({ name, bit, ok: false });
      }
  });
});

const flipped = (bytes: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
};

describe('a bit that flipped', () => {
  it('is found, wherever it is', () => {
    let tried = 0;
    let damage = 0;
    const count = (): void => {
      damage += 1;
    };
    const missed: string[] = [];
    for (const [name, original] of log) {
      const bytes = Buffer.from(original);
      const flip = (bit: number): void => {
        bytes[bit >> 3]! ^= 1 << (bit & 7);
      };
      const { salt } = segmentHeader(bytes)!;
      let end = HEADER_BYTES;
      for (let bit = 0; bit < HEADER_BYTES * 8; bit += 1) {
        flip(bit);
        if (segmentHeader(bytes)) missed.push(`${name} ${bit}`);
        flip(bit);
        tried += 1;
      }
      for (let at = HEADER_BYTES; ; at = end) {
        const commit = readCommit(bytes, at, salt, () => missed.push('whole'));
        if (!commit) break;
        ({ end } = commit);
        const { header, records } = commit;
        const stop = at + HEADER_BYTES + header.length;
        // A frame is looked at by itself: that its commit follows from its frames is what `readCommit` is tried with.
        for (const { offset, payload } of records) {
          const close = offset + FRAME_BYTES + payload!.length;
          for (let bit = offset * 8; bit < close * 8; bit += 1) {
            flip(bit);
            damage = 0;
            const found = readFrame(bytes, offset, stop, header.checksum, count);
            if (damage === 0 && found === close) missed.push(`${name} ${bit}`);
            flip(bit);
            tried += 1;
          }
        }
        for (
          let bit = at * 8;
          bit < end * 8;
          bit = bit + 1 === (at + HEADER_BYTES) * 8 ? stop * 8 : bit + 1
        ) {
          flip(bit);
          damage = 0;
          if (readCommit(bytes, at, salt, count) && damage === 0) missed.push(`${name} ${bit}`);
          flip(bit);
          tried += 1;
        }
      }
      // Behind the last commit there are zeros only, as the next test says of them.
      expect(bytes.subarray(end).every((byte) => byte === 0)).toBe(true);
    }
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(EVENTS * 300 * 8);
  });

  it('is told of with its place, whatever it hit', async () => {
    const random = seededRandom(17);
    for (let flips = 0; flips < 60; flips += 1) {
      const names = [...log.keys()];
      const name = names[Math.floor(random() * names.length)]!;
      const bytes = log.get(name)!;
      const bit = Math.floor(random() * bytes.length * 8);
      const found = await verify(new Map([...log, [name, flipped(bytes, bit)]]));
      const place = found.problems.find(({ segment }) => segment === name);
      expect({ bit, ok: found.ok, told: place !== undefined }).toEqual({ bit, ok: false, told: true });
      expect(place!.offset).toBeLessThanOrEqual(bit >> 3);
    }
  });
});

describe('somebody who rewrites the log so that all but the signatures fits', () => {
  /** Some places, the first and the last record that checkpoints cover among them. */
  const places = (): number[] => [0, 1, 250, 499, payloads.length - 3, payloads.length - 2];

  const expectFound = async (changed: readonly Buffer[], at: number): Promise<void> => {
    const found = await verify(forge(changed), { copies });
    expect(codes(found)).toContain('differs');
    const [first, last] = found.problems.find(({ code }) => code === 'differs')!.records!;
    expect(first).toBeLessThanOrEqual(at + 1);
    expect(last).toBeGreaterThan(at);
  };

  it('cannot change a record', async () => {
    for (const at of places()) {
      const payload = Buffer.from(payloads[at]!);
      payload[payload.length - 2]! ^= 1;
      await expectFound(payloads.with(at, payload), at);
    }
  });

  it('cannot remove one', async () => {
    for (const at of places()) await expectFound(payloads.toSpliced(at, 1), at);
  });

  it('cannot add one', async () => {
    for (const at of places()) await expectFound(payloads.toSpliced(at, 0, payloads[at === 0 ? 1 : 0]!), at);
  });

  it('cannot swap two', async () => {
    for (const at of places().slice(0, -1))
      await expectFound(payloads.with(at, payloads[at + 1]!).with(at + 1, payloads[at]!), at);
  });

  it('cannot cut off the end: the copies of checkpoints cover it', async () => {
    for (const left of [0, 1, 300, payloads.length - 2]) {
      const found = await verify(forge(payloads.slice(0, left)), { copies });
      expect(codes(found)).toContain('too_short');
    }
    // Without copies all that would tell is gone with it.
    const [, second] = (await verify(log)).problems;
    expect(second).toBeUndefined();
  });

  it('cannot take the checkpoints out, or sign others', async () => {
    const isSeal = (payload: Buffer): boolean => payload.includes('CheckpointSealed');
    const without = payloads.filter((payload) => !isSeal(payload));
    expect(codes(await verify(forge(without)))).toContain('nothing_sealed');

    const { files, log: store } = await newSimulatedLog({ segmentBytes: 128 * 1024 });
    const own = checkpointsOn(store, testSigner('log.example/forger'));
    await store.append(stream('things-1'), 'none', eventFactory().many(5));
    await own.seal();
    await store.close();
    const found = await verify(segmentsOf(files), { copies });
    expect(codes(found)).toEqual(expect.arrayContaining(['not_signed', 'too_short', 'nothing_sealed']));

    // Nor under the name of the log, with another key.
    const { key } = testSigner('log.example/forger');
    const misnamed = { keys: [{ ...key, name: testSigner().key.name }], witness_keys: [] };
    expect(codes(await verify(log, { trust: misnamed }))).toEqual(['not_signed', 'nothing_sealed']);
  });

  it('cannot hand in copies that the witness did not sign', async () => {
    const plain = copies.map(({ note, found_in }) => ({ found_in, note: note.replace(/— witness.*\n/, '') }));
    const found = await verify(log, { copies: plain });
    expect(codes(found)).toEqual(['not_signed']);
    expect(found.checkpoints.copies).toBe(0);
  });
});

describe('segments that are not where they should be', () => {
  it('are missed, at the beginning, in the middle and at the end', async () => {
    const names = [...log.keys()];
    for (const name of names) {
      const left = new Map([...log].filter(([one]) => one !== name));
      const found = await verify(left, { copies });
      expect(found.ok).toBe(false);
      expect(codes(found)).toContain(name === names.at(-1) ? 'too_short' : 'missing');
    }
  });

  it('are found where two were exchanged, or one stands twice', async () => {
    const [first, second, third] = [...log.keys()] as [string, string, string];
    const exchanged = new Map([...log, [first, log.get(second)!], [second, log.get(first)!]]);
    expect(codes(await verify(exchanged))).toContain('misplaced');
    expect(codes(await verify(new Map([...log, [third, log.get(second)!]])))).toContain('misplaced');
  });

  it('are found out where they go on from another log', async () => {
    const [name, bytes] = [...log][1]!;
    const foreign = forge(payloads).get(segmentName(1))!;
    expect((await verify(new Map([...log, [name, foreign]]))).ok).toBe(false);
    expect((await verify(new Map([[segmentName(1), bytes]]))).ok).toBe(false);
  });
});

describe('a log that is written to meanwhile', () => {
  it('is checked up to what is whole, where that was asked for', async () => {
    const [name, bytes] = [...log].at(-1)!;
    const end = bytes.length - [...bytes].reverse().findIndex((byte) => byte !== 0);
    const cut = new Map([...log, [name, bytes.subarray(0, end - 20)]]);
    expect((await verify(cut, { live: true })).ok).toBe(true);
    expect((await verify(cut)).ok).toBe(false);
    // What stands in the middle is damage in any case.
    const middle = new Map([...cut, [name, flipped(bytes, (HEADER_BYTES + 200) * 8)]]);
    expect((await verify(middle, { live: true })).ok).toBe(false);
  });
});
