/** What is kept of a person's key. */
export type PersonKey =
  /** Wrapped with the server's secret: of no use without it. */
  | { readonly state: 'held'; readonly wrapped: Uint8Array }
  /** For good. */
  | { readonly state: 'destroyed' };

/**
 * The keys of people, one each, beside the log and never in it. Unlike a read model they cannot be made again: what was
 * sealed under a lost key is lost.
 */
export interface PersonKeys {
  /** Undefined where the person never had one. */
  get(person: string): Promise<PersonKey | undefined>;
  /** Keeps a person's first key, durable when it resolves; answers what is kept, which is another's where that came first. */
  keep(person: string, wrapped: Uint8Array): Promise<PersonKey>;
  /**
   * Destroys a person's key, durable when it resolves, and keeps them from ever having one again. Doing it again changes
   * nothing. Where it rejects, nobody knows: repeat it.
   */
  destroy(person: string): Promise<void>;
  close(): Promise<void>;
}
