import { describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { QuarantineId } from '../../../src/domain/ids.js';
import type { Actor } from '../../../src/domain/provenance.js';
import { heldBy, type Aside, type QuarantinedRecord } from '../../../src/domain/quarantine/held.js';
import {
  quarantineDecider,
  type QuarantineEvent,
  type Quarantines,
} from '../../../src/domain/quarantine/quarantine.js';
import { setAsideBy } from '../../../src/domain/quarantine/set-aside.js';

const ada: Actor = { kind: 'user', id: 'usr_ada' };
const STREAMS = 40;
const type = 'TelemetryRecorded';
const record = (stream: number, revision: number, more: Partial<QuarantinedRecord> = {}) => ({
  ...{ stream: `stream-${stream}`, revision, position: '0000000000000001', type },
  ...more,
});

/** So many records that what is set aside is kept in several layers. */
const many = (from: number): readonly QuarantinedRecord[] =>
  Array.from({ length: 1_500 }, (_, n) => record(from + n, n % 3));

type Act = readonly ['propose' | 'approve' | 'release' | 'partly', number, readonly QuarantinedRecord[]];

const named = fc.record({ stream: fc.nat(STREAMS), revision: fc.nat(3), indexes: fc.nat(4) });
const records = fc.array(
  named.map(({ stream, revision, indexes }) =>
    record(stream, revision, indexes === 0 ? {} : { indexes: [[0, indexes]], count: 10 }),
  ),
  { minLength: 1, maxLength: 5 },
);
const anyRecords = fc.oneof(
  { weight: 3, arbitrary: records },
  { weight: 1, arbitrary: fc.nat(50).map(many) },
);
/** Some that are set aside, one after another, with whatever else happens to them in between. */
const acts = fc
  .array(
    fc.record({
      named: anyRecords,
      then: fc.option(
        fc.tuple(
          fc.constantFrom('release' as const, 'partly' as const),
          fc.nat(7),
          records,
        ) as fc.Arbitrary<Act>,
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((all) =>
    all.flatMap(({ named, then }, number): readonly Act[] => [
      ['propose', number, named],
      ['approve', number, []],
      ...(then ? [then] : []),
    ]),
  );

const eventOf = ([what, number, named]: Act): QuarantineEvent => {
  const quarantine_id = `qua_${number}` as QuarantineId;
  switch (what) {
    case 'propose':
      return {
        type: 'QuarantineProposed',
        data: { quarantine_id, reason: 'false', records: named, by: ada },
      };
    case 'approve':
      return { type: 'QuarantineApproved', data: { quarantine_id, by: ada } };
    case 'release':
      return { type: 'QuarantineReleased', data: { quarantine_id, by: ada } };
    case 'partly':
      return { type: 'QuarantinePartlyReleased', data: { quarantine_id, by: ada, records: named } };
  }
};

/** What each quarantine by itself holds, put together. */
const plainly = (quarantines: Quarantines) => {
  const approved = [...quarantines.values()].filter(({ status }) => status === 'approved');
  const held = approved.map(({ records, released }) => heldBy(records, released));
  return (place: { readonly stream: string; readonly revision: number }): Aside | undefined => {
    const found = held.map((one) => one.at(place));
    if (found.includes('all')) return 'all';
    const numbers = new Set(found.flatMap((one) => (one instanceof Set ? [...(one as Set<number>)] : [])));
    return numbers.size === 0 ? undefined : numbers;
  };
};

describe('what quarantines set aside', () => {
  it('is what each of them does by itself, whichever came before and were released since', () => {
    fc.assert(
      fc.property(acts, (all) => {
        let quarantines = quarantineDecider.initial;
        const versions: Quarantines[] = [];
        for (const act of all) {
          quarantines = quarantineDecider.evolve(quarantines, eventOf(act));
          versions.push(quarantines);
          // Not every version is asked for.
          if (act[1] % 2 === 0) setAsideBy(quarantines);
        }
        // Neither in their order.
        for (const version of [...versions.slice(-2), ...versions.slice(0, 3)]) {
          const [aside, expected] = [setAsideBy(version), plainly(version)];
          const differing: unknown[] = [];
          for (let stream = 0; stream <= STREAMS; stream += 1)
            for (let revision = 0; revision <= 3; revision += 1) {
              const place = { stream: `stream-${stream}`, revision };
              if (!isDeepStrictEqual(aside.at(place), expected(place))) differing.push(place);
            }
          expect(differing).toEqual([]);
        }
      }),
      { seed: 1, numRuns: 25 },
    );
  });
});
