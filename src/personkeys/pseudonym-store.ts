/** What is kept of a person whom telemetry names by a pseudonym. */
export interface PseudonymEntry {
  /** Stands for the person where nobody is to read who it is: a hash under a key of the server. */
  readonly subject: string;
  readonly pseudonym: string;
  /** Whose it is, and the person's secret: of no use without the server's secret. */
  readonly sealed: Uint8Array;
}

/**
 * Whose the pseudonyms of telemetry are, beside the log and never in it. They cannot be made again: a pseudonym whose
 * entry is lost or destroyed is nobody's any more.
 */
export interface PseudonymStore {
  /** The entries there are of some people, in any order. */
  ofSubjects(subjects: readonly string[]): Promise<readonly PseudonymEntry[]>;
  /** The entries there are of some pseudonyms, in any order. */
  ofPseudonyms(pseudonyms: readonly string[]): Promise<readonly PseudonymEntry[]>;
  /**
   * Keeps the first entries of people, each of another one, durable when it resolves; answers what is kept of them, in
   * any order, which is another's where that came first.
   */
  keep(entries: readonly PseudonymEntry[]): Promise<readonly PseudonymEntry[]>;
  /**
   * Destroys a person's entry, durable when it resolves; one that is kept later is another one. Doing it again changes
   * nothing. Where it rejects, nobody knows: repeat it.
   */
  destroy(subject: string): Promise<void>;
  close(): Promise<void>;
}
