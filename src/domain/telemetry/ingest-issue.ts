/** Something that happened to events, or requests with events, other than being stored. */
export interface IngestIssue {
  /**
   * `refused`: requests as a whole; `rejected`: events that were not valid or could not be stored; `duplicate`: events
   * that were stored already; `ignored`: what is of no kind that is stored.
   */
  readonly outcome: 'refused' | 'rejected' | 'duplicate' | 'ignored';
  readonly code: string;
  /** Where in the event, as a JSON pointer; `''`: nowhere, or everywhere. */
  readonly pointer: string;
  /** The credential that it came with. */
  readonly actor: { readonly kind: string; readonly id: string };
  readonly count: number;
  /** Epoch milliseconds. */
  readonly first_seen: number;
  readonly last_seen: number;
  /** The last time that it happened; `event_id` is the client's own. */
  readonly example: { readonly request_id: string; readonly detail: string; readonly event_id?: string };
}

/** How many different issues of a tenant are kept apart; others are counted together. */
export const MAX_ISSUES = 100;
/** What was not seen for so long is forgotten. */
export const ISSUE_KEPT_MS = 7 * 24 * 3_600_000;

const LONGEST_TEXT = 200;
/** What looks like a key, a token or a hash: long, without a break, and with a digit. */
const LOOKS_SECRET = /(?=[A-Za-z_+=-]*[0-9])[A-Za-z0-9_+=-]{24,}/g;

/** A sender's text as it may be shown: bounded, and without what looks like a secret. */
export const shownText = (text: string): string =>
  text.replaceAll(LOOKS_SECRET, '***').slice(0, LONGEST_TEXT);

const nameOf = ({ outcome, code, pointer, actor }: IngestIssue): string =>
  JSON.stringify([outcome, code, pointer, actor.kind, actor.id]);

const together = (one: IngestIssue, other: IngestIssue): IngestIssue => {
  const newest = other.last_seen >= one.last_seen ? other : one;
  return {
    ...newest,
    count: one.count + other.count,
    first_seen: Math.min(one.first_seen, other.first_seen),
  };
};

/** An issue as one of the others: all that tells them apart is left out. */
const asOther = (issue: IngestIssue): IngestIssue => ({
  ...issue,
  code: 'other',
  pointer: '',
  actor: { kind: '', id: '' },
});

/** Adds issues up, the ones last seen first; no more than {@link MAX_ISSUES} and the others, none that is too old. */
export const mergedIssues = (
  lists: readonly (readonly IngestIssue[])[],
  now: number,
): readonly IngestIssue[] => {
  const byName = new Map<string, IngestIssue>();
  const add = (issue: IngestIssue): void => {
    const name = nameOf(issue);
    const known = byName.get(name);
    byName.set(name, known ? together(known, issue) : issue);
  };
  for (const issue of lists.flat()) if (issue.last_seen > now - ISSUE_KEPT_MS) add(issue);
  const newest = (): readonly IngestIssue[] =>
    [...byName.values()].sort((one, other) => other.last_seen - one.last_seen);
  const excess = newest()
    .filter(({ code }) => code !== 'other')
    .slice(MAX_ISSUES);
  for (const issue of excess) {
    byName.delete(nameOf(issue));
    add(asOther(issue));
  }
  return newest();
};
