import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PseudonymEntry, PseudonymStore } from '../../src/personkeys/pseudonym-store.js';

export interface PseudonymStoreHarness {
  readonly store: PseudonymStore;
  /** Ends the process that had it, and begins another. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** An entry of so many bytes; `attempt` tells the entries of one person apart. */
export const entryOf = (person: number, attempt = 0, bytes = 80): PseudonymEntry => ({
  subject: person.toString(16).padStart(64, '0'),
  pseudonym: `psn_${`${person}-${attempt}`.padStart(22, '-')}`,
  sealed: Buffer.alloc(bytes, 1 + person + attempt),
});

const bySubject = (entries: readonly PseudonymEntry[]): readonly PseudonymEntry[] =>
  entries.toSorted((one, other) => (one.subject < other.subject ? -1 : 1));

/** What every store of pseudonyms keeps. */
export const pseudonymStoreContract = (name: string, open: () => Promise<PseudonymStoreHarness>): void => {
  describe(name, () => {
    let harness: PseudonymStoreHarness;
    beforeEach(async () => {
      harness = await open();
    });
    afterEach(() => harness.close());

    const subjectsOf = (entries: readonly PseudonymEntry[]) => entries.map(({ subject }) => subject);
    const kept = async (entries: readonly PseudonymEntry[]) =>
      bySubject(await harness.store.ofSubjects(subjectsOf(entries)));

    it('keeps entries, short and long, and finds them by person and by pseudonym, after a restart too', async () => {
      const entries = [entryOf(1), entryOf(2, 0, 1_100), entryOf(3, 0, 300)];
      expect(bySubject(await harness.store.keep(entries))).toEqual(entries);
      for (const again of [false, true]) {
        if (again) await harness.reopen();
        expect(await kept([...entries, entryOf(4)])).toEqual(entries);
        expect(await harness.store.ofPseudonyms([entryOf(2).pseudonym, 'psn_nobody'])).toEqual([entries[1]]);
      }
      expect(await harness.store.ofSubjects([])).toEqual([]);
      expect(await harness.store.keep([])).toEqual([]);
    });

    it('keeps the first entry of a person, and says so to whoever has another', async () => {
      await harness.store.keep([entryOf(1)]);
      const outcome = await harness.store.keep([entryOf(1, 7), entryOf(2)]);
      expect(bySubject(outcome)).toEqual([entryOf(1), entryOf(2)]);
      expect(await harness.store.ofPseudonyms([entryOf(1, 7).pseudonym])).toEqual([]);
    });

    it('agrees on one entry where several are kept at once', async () => {
      const attempts = [1, 2, 3, 4, 5].map((attempt) => [entryOf(1, attempt)]);
      const answers = await Promise.all(attempts.map((entries) => harness.store.keep(entries)));
      const is = await kept([entryOf(1)]);
      for (const answer of answers) expect(answer).toEqual(is);
    });

    it('destroys a person’s entry and nobody else’s; another one may follow', async () => {
      await harness.store.keep([entryOf(1), entryOf(2)]);
      await harness.store.destroy(entryOf(1).subject);
      await harness.store.destroy(entryOf(1).subject);
      expect(await harness.store.ofPseudonyms([entryOf(1).pseudonym])).toEqual([]);
      await harness.reopen();
      expect(await kept([entryOf(1), entryOf(2)])).toEqual([entryOf(2)]);
      await harness.store.keep([entryOf(1, 1)]);
      expect(await kept([entryOf(1), entryOf(2)])).toEqual([entryOf(1, 1), entryOf(2)]);
    });
  });
};
