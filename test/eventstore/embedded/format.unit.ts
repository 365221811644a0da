import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import type { EventId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { crc32c } from '../../../src/eventstore/embedded/crc32c.js';
import {
  FORMAT,
  FRAME_BYTES,
  frameOffsets,
  HEADER_BYTES,
  isZero,
  readHeader,
  writeHeader,
} from '../../../src/eventstore/embedded/format.js';
import { sealFrames, type Frames, type SealedFrames } from '../../../src/eventstore/embedded/frames.js';
import {
  encodeEvents,
  encodeTruncation,
  isTruncation,
  payloadBytes,
  prepareEvents,
  readEvent,
  readKey,
} from '../../../src/eventstore/embedded/record.js';
import type { NewEvent, StreamName } from '../../../src/eventstore/event-store.js';
import { eventFactory, stream } from '../../support/log-events.js';

const { metadata } = eventFactory().json();

const anEvent: fc.Arbitrary<NewEvent> = fc.record({
  id: fc.uuid().map((id) => id as EventId),
  type: fc.stringMatching(/^[A-Za-z]{1,60}$/),
  schema_version: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  data: fc.oneof(
    fc.uint8Array({ maxLength: 2_000 }),
    fc
      .dictionary(fc.string(), fc.jsonValue())
      .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject),
  ),
  metadata: fc.string().map((request_id) => ({ ...metadata, request_id })),
});
const someEvents = fc.array(anEvent, { minLength: 1, maxLength: 8 });
const aName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((name) => !/^\$|\0/.test(name));
const aRevision = fc.integer({ min: 0, max: 2 ** 47 });

const sealed = (name: StreamName, events: readonly NewEvent[], first = 0): SealedFrames =>
  sealFrames(encodeEvents(prepareEvents(name, events), first));

/** Where the frames start, as one who reads them finds out. */
const framesIn = ({ bytes, starts }: Frames, length = bytes.length): Uint32Array | undefined =>
  frameOffsets(bytes, 0, { count: starts.length, length, format: FORMAT });

describe('The frames of an append', () => {
  it('give back every event as it was, in order', () => {
    fc.assert(
      fc.property(aName, aRevision, someEvents, (name, first, events) => {
        const frames = sealed(stream(name), events, first);
        const read = [...(framesIn(frames) ?? [])].map((at, i) => readEvent(frames.bytes, at, i + 1));
        expect(read.map(({ data }) => (data instanceof Uint8Array ? [...data] : data))).toEqual(
          events.map(({ data }) => (data instanceof Uint8Array ? [...data] : data)),
        );
        expect(read).toMatchObject(
          events.map(({ id, type, schema_version, metadata: own }, i) => {
            return { id, type, schema_version, metadata: own, stream: name, revision: first + i };
          }),
        );
      }),
    );
  });

  it('do not check out where one bit is turned over', () => {
    fc.assert(
      fc.property(someEvents, fc.nat(), (events, place) => {
        const frames = sealed(stream('orders'), events);
        const bit = place % (frames.bytes.length * 8);
        frames.bytes[bit >>> 3]! ^= 1 << (bit & 7);
        expect(framesIn(frames)).toBeUndefined();
      }),
    );
  });

  it('do not check out where an end is missing or bytes are added', () => {
    fc.assert(
      fc.property(someEvents, fc.integer({ min: -64, max: 64 }), (events, difference) => {
        const { bytes, starts } = sealed(stream('orders'), events);
        const frames = { bytes: Buffer.concat([bytes, Buffer.alloc(64)]), starts };
        expect(framesIn(frames, bytes.length + difference) === undefined).toBe(difference !== 0);
      }),
    );
  });

  it('have leaf hashes that depend on the payload and nothing else', () => {
    fc.assert(
      fc.property(anEvent, (event) => {
        const { bytes, leaves } = sealed(stream('orders'), [event], 5);
        expect(sealed(stream('orders'), [event, event], 5).leaves.subarray(0, 32)).toEqual(leaves);
        const payload = bytes.subarray(FRAME_BYTES, FRAME_BYTES + payloadBytes(bytes, 0));
        expect(leaves).toEqual(createHash('sha256').update(Buffer.of(0)).update(payload).digest());
        expect(sealed(stream('orders'), [event], 6).leaves).not.toEqual(leaves);
      }),
    );
  });

  it('say of a truncation where the stream begins', () => {
    fc.assert(
      fc.property(aName, aRevision, (name, before) => {
        const frames = sealFrames(encodeTruncation(stream(name), before));
        expect(framesIn(frames)).toHaveLength(1);
        expect(isTruncation(frames.bytes, 0)).toBe(true);
        expect(readKey(frames.bytes, 0)).toMatchObject({ stream: name, revision: before, truncation: true });
      }),
    );
  });
});

describe('A header', () => {
  const aHeader = fc.record({
    kind: fc.constantFrom('segment' as const, 'commit' as const),
    format: fc.constantFrom(1 as const, 2 as const),
    number: aRevision,
    count: fc.nat(),
    length: fc.nat(),
    chain: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    salt: fc.nat(),
  });

  it('is read as it was written, and only with its salt', () => {
    fc.assert(
      fc.property(aHeader, fc.nat(), (header, salt) => {
        const bytes = Buffer.alloc(HEADER_BYTES);
        writeHeader(bytes, 0, header);
        expect(readHeader(bytes, 0, header.kind)).toEqual(header);
        expect(readHeader(bytes, 0, header.kind, salt) === undefined).toBe(salt !== header.salt);
      }),
    );
  });

  it('does not check out where any one bit is turned over', () => {
    fc.assert(
      fc.property(aHeader, (header) => {
        const bytes = Buffer.alloc(HEADER_BYTES);
        writeHeader(bytes, 0, header);
        for (let bit = 0; bit < HEADER_BYTES * 8; bit += 1) {
          bytes[bit >>> 3]! ^= 1 << (bit & 7);
          expect(readHeader(bytes, 0, header.kind)).toBeUndefined();
          bytes[bit >>> 3]! ^= 1 << (bit & 7);
        }
      }),
      { numRuns: 10 },
    );
  });
});

describe('CRC-32C', () => {
  it('gives the check values of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
  });

  it('is the same in one go and in parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const parts = crc32c(
          bytes,
          Math.min(cut, bytes.length),
          bytes.length,
          crc32c(bytes.subarray(0, cut)),
        );
        expect(parts).toBe(crc32c(bytes));
      }),
    );
  });
});

describe('Zeros', () => {
  it('are told from anything else at any place and length', () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.nat(), (length, place) => {
        const bytes = Buffer.alloc(length);
        expect(isZero(bytes)).toBe(true);
        if (length === 0) return;
        bytes[place % length] = 1;
        expect(isZero(bytes)).toBe(false);
        expect(isZero(bytes, 0, place % length)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

it('leaves the byte before a payload zero: with it the leaf hash is one call', () => {
  const { bytes } = encodeEvents(prepareEvents(stream('orders'), [eventFactory().json()]), 0);
  expect(bytes[FRAME_BYTES - 1]).toBe(0);
});
