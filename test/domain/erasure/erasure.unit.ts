import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { joinCuts, placesOfCuts } from '../../../src/domain/erasure/cut.js';
import {
  cutChunks,
  cutsOf,
  erasureDecider,
  requestErasure,
  stillToCut,
  type Cut,
  type ErasureEvent,
  type Erasures,
} from '../../../src/domain/erasure/erasure.js';
import { eventsOfPerson } from '../../../src/domain/erasure/person.js';
import type { ErasureId, EventId, QuarantineId } from '../../../src/domain/ids.js';
import { indexRanges, numbersIn } from '../../../src/domain/index-ranges.js';
import type { Decision } from '../../../src/domain/decider.js';

const erasure_id = 'era_1' as ErasureId;
const wish = { erasure_id, field: 'user_id', subject_hash: 'ab' } as const;
const by = { kind: 'user', id: 'usr_1' } as const;

const after = (state: Erasures, decision: Decision<ErasureEvent>): Erasures => {
  if (!decision.accepted) throw new Error(decision.refusal.code);
  return decision.events.reduce(erasureDecider.evolve, state);
};
const requested = after(erasureDecider.initial, requestErasure(erasureDecider.initial, wish, by));

const cutOf = (chunks: Cut['chunks']): Cut => ({
  erasure_id,
  quarantine_id: 'qua_1' as QuarantineId,
  chunks,
  events: chunks.reduce((sum, { events }) => sum + events, 0),
  cut_at: '2026-01-01T00:00:00.000Z',
});

const numbers = fc.uniqueArray(fc.nat({ max: 30 }), { minLength: 1, maxLength: 12 });

describe('what is cut out of chunks', () => {
  it('is each event once, whoever asked for it, and each cut says all that is gone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ revision: fc.nat({ max: 2 }), numbers }), { maxLength: 12 }),
        (finds) => {
          let state = requested;
          const gone = new Map<number, Set<number>>();
          const said: ReturnType<typeof cutsOf>[] = [];
          for (const { revision, numbers: found } of finds) {
            const place = { stream: 't', revision };
            const before = gone.get(revision) ?? new Set();
            const more = stillToCut(state, place, found);
            const union = new Set([...before, ...found]);
            expect(more?.events ?? 0).toBe(union.size - before.size);
            if (!more) continue;
            expect(numbersIn(more.indexes)).toEqual(union);
            const cut = cutOf([{ ...place, ...more, position: '0'.repeat(16), leaf: 'a', left: 'b' }]);
            state = after(state, cutChunks(state, cut));
            said.push(cutsOf(cut));
            gone.set(revision, union);
          }
          const sum = [...gone.values()].reduce((all, { size }) => all + size, 0);
          expect(state.erasures.get(erasure_id)?.events).toBe(sum);
          // Of all that was said the last of each chunk is left.
          const joined = joinCuts(said);
          expect(new Map((joined['t'] ?? []).map((one) => [one.revision, numbersIn(one.indexes)]))).toEqual(
            gone,
          );
          expect(Object.values(placesOfCuts(joined)).flat().length > 0).toBe(gone.size > 0);
        },
      ),
      { seed: 5 },
    );
  });

  it('never comes back: a cut that says less than an earlier one is refused', () => {
    const place = { stream: 't', revision: 0, position: '0'.repeat(16) };
    const first = cutOf([{ ...place, indexes: [[0, 3]], events: 4 }]);
    const state = after(requested, cutChunks(requested, first));
    const less = cutOf([{ ...place, indexes: [[1, 5]], events: 2 }]);
    expect(cutChunks(state, less)).toMatchObject({ accepted: false, refusal: { code: 'cut_meanwhile' } });
    expect(cutChunks(erasureDecider.initial, first)).toMatchObject({
      accepted: false,
      refusal: { code: 'erasure_not_found' },
    });
  });

  it('is written as ranges that say it', () => {
    fc.assert(
      fc.property(numbers, (some) => {
        const ranges = indexRanges(some);
        expect(numbersIn(ranges)).toEqual(new Set(some));
        for (const [i, [first, last]] of ranges.entries()) {
          expect(first).toBeLessThanOrEqual(last);
          expect(first).toBeGreaterThan((ranges[i - 1]?.[1] ?? -2) + 1);
        }
      }),
      { seed: 6 },
    );
  });
});

describe('a person’s events', () => {
  const chunkOf = (lines: readonly string[], kept?: readonly number[]) => ({
    id: '0190b3c5-d1f8-7c0e-8a4f-3b2a1c000000' as EventId,
    data: Buffer.from(lines.join('\n')),
    metadata: {
      chunk: {
        ...{ codec: 'ndjson' as const, count: lines.length, min_time: 0, max_time: 0, received_at: 0 },
        ...{ producer: 'test', first_sequence: 0 },
      },
    },
    ...(kept && { kept }),
  });
  const isMeant = (value: string): boolean => value === 'ada "☃"';

  it('are found however JSON spells the field and its value, and in no other field', () => {
    const lines = [
      '{"type":"a","user_id":"ada \\"☃\\""}',
      '{"type":"a","\\u0075ser_id":"ada \\"\\u2603\\""}',
      '{ "type" : "a" , "user_id" : "ada \\u0022☃\\"" }',
      '{"type":"a","user_id":"ada"}',
      '{"type":"a","consumer":"ada \\"☃\\""}',
      '{"type":"a","message":"\\"user_id\\":\\"ada\\""}',
      '{"type":"a"}',
    ];
    expect(eventsOfPerson(chunkOf(lines), 'user_id', isMeant)).toEqual([0, 1, 2]);
    expect(eventsOfPerson(chunkOf(lines), 'consumer', isMeant)).toEqual([4]);
    expect(eventsOfPerson(chunkOf(['{"type":"a"}']), 'user_id', isMeant)).toEqual([]);
    expect(eventsOfPerson(chunkOf(lines.slice(1), [1, 4, 7, 8, 9, 12]), 'user_id', isMeant)).toEqual([1, 4]);
  });
});
