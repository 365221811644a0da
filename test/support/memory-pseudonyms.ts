import type { PseudonymEntry, PseudonymStore } from '../../src/personkeys/pseudonym-store.js';

/** Pseudonyms in memory. */
export class MemoryPseudonyms implements PseudonymStore {
  readonly entries = new Map<string, PseudonymEntry>();
  /** How often it was asked for anything. */
  asked = 0;
  /** Makes it fail, as a server does that is away. */
  away = false;

  ofSubjects = (subjects: readonly string[]) =>
    this.#answer(() => subjects.flatMap((subject) => this.entries.get(subject) ?? []));
  ofPseudonyms = (pseudonyms: readonly string[]) =>
    this.#answer(() => [...this.entries.values()].filter(({ pseudonym }) => pseudonyms.includes(pseudonym)));
  keep = (entries: readonly PseudonymEntry[]) =>
    this.#answer(() => {
      for (const entry of entries)
        if (!this.entries.has(entry.subject)) this.entries.set(entry.subject, entry);
      return entries.flatMap(({ subject }) => this.entries.get(subject) ?? []);
    });
  destroy = (subject: string) => this.#answer(() => void this.entries.delete(subject));
  close = () => Promise.resolve();

  #answer<T>(answer: () => T): Promise<T> {
    this.asked += 1;
    return this.away ? Promise.reject(new Error('nobody answers')) : Promise.resolve(answer());
  }
}
