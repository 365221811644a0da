import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Loan, MemoryPool, type LentMemory } from '../../../src/eventstore/embedded/lent-memory.js';
import { encodeEvents, prepareEvents } from '../../../src/eventstore/embedded/record.js';
import { eventFactory, stream } from '../../support/log-events.js';

const KB = 1024;

it('An append is the same bytes in memory that is lent as in its own, and takes its own where it is small', () => {
  const pool = new MemoryPool();
  for (const size of [10, 64 * KB, 100_001, 900_003, 1024 * KB]) {
    const data = Buffer.alloc(size, 'a piece of a body');
    const events = [eventFactory().binary(data), eventFactory().json()];
    const prepared = prepareEvents(stream('things'), events);
    const own = encodeEvents(prepared, 5);
    const lent = encodeEvents(prepared, 5, pool);
    expect(lent.bytes.equals(own.bytes)).toBe(true);
    expect(lent.starts).toEqual(own.starts);
    expect(lent.memory !== undefined).toBe(size >= 64 * KB);
    lent.memory?.release();
  }
});

const lend = (pool: MemoryPool, bytes: number): LentMemory => {
  const memory = pool.lend(bytes);
  if (!memory) throw new Error('nothing was lent');
  return memory;
};

describe('Memory that is lent', () => {
  it('is used again when all who held it have released it, and cannot be looked at from then on', () => {
    const pool = new MemoryPool();
    const memory = lend(pool, 100 * KB);
    memory.hold();
    memory.release();
    expect(() => memory.insist()).not.toThrow();
    expect(lend(pool, 100 * KB).bytes.buffer).not.toBe(memory.bytes.buffer);
    memory.release();
    expect(() => memory.insist()).toThrow('given back');
    expect(() => memory.hold()).toThrow('given back');
    expect(lend(pool, 100 * KB).bytes.buffer).toBe(memory.bytes.buffer);
  });

  it('is not used again where a holder went away without a word, and makes room for other memory', () => {
    const pool = new MemoryPool({ lent: 150 * KB });
    const memory = lend(pool, 100 * KB);
    expect(pool.lend(100 * KB)).toBeUndefined();
    memory.hold();
    memory.abandon();
    memory.release();
    memory.release();
    expect(() => memory.insist()).not.toThrow();
    expect(lend(pool, 100 * KB).bytes.buffer).not.toBe(memory.bytes.buffer);
  });

  it('is held once by a loan, however often it is added, and released once', () => {
    const memory = lend(new MemoryPool(), 100 * KB);
    const loan = new Loan();
    loan.add([memory, memory]);
    loan.add([memory]);
    memory.release();
    memory.insist();
    loan.release();
    expect(() => memory.insist()).toThrow('given back');
    loan.release();
  });

  it('holds what was put into it as long as anybody holds it, in whatever order they come and go', () => {
    const step = fc.record({
      what: fc.constantFrom('lend', 'lend', 'hold', 'release', 'release', 'abandon'),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const limit = 1_000 * KB;
        const pool = new MemoryPool({ lent: limit, kept: 200 * KB, givenBack: (bytes) => bytes.fill(0) });
        const known: { memory: LentMemory; holders: number; mark: number; abandoned: boolean }[] = [];
        let mark = 0;
        for (const { what, which } of steps) {
          const held = known.filter(({ holders }) => holders > 0);
          const one = held[which % held.length];
          if (what === 'lend') {
            const bytes = 64 * KB + (which % 100) * KB;
            const lent = known
              .filter(({ holders, abandoned }) => holders > 0 && !abandoned)
              .reduce((sum, { memory }) => sum + memory.bytes.length, 0);
            const memory = pool.lend(bytes);
            expect(memory?.bytes.length).toBe(lent + bytes > limit ? undefined : bytes);
            mark = (mark % 255) + 1;
            memory?.bytes.fill(mark);
            if (memory) known.push({ memory, holders: 1, mark, abandoned: false });
          } else if (one && what === 'hold') {
            one.memory.hold();
            one.holders += 1;
          } else if (one && what === 'release') {
            one.memory.release();
            one.holders -= 1;
          } else if (one) {
            one.memory.abandon();
            one.abandoned = true;
          }
          for (const { memory, holders, mark, abandoned } of known) {
            const { bytes } = memory;
            if (holders > 0 || abandoned) {
              memory.insist();
              expect([bytes[0], bytes[bytes.length >> 1], bytes.at(-1)]).toEqual([mark, mark, mark]);
            } else expect(() => memory.insist()).toThrow('given back');
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
