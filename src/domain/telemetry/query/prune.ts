import { COLUMN_OF, hasColumn, numberOfStatus, numberTest, textTest } from './match.js';
import type { Condition, Query } from './query.js';

/** What is known of a chunk's events without reading them: every value of a field, unless the field is in `overflow`. */
export interface ListedValues {
  /** `''` and status 0: some event has none. */
  readonly types: readonly string[];
  readonly services: readonly string[];
  readonly routes: readonly string[];
  readonly methods: readonly string[];
  readonly statuses: readonly number[];
  readonly overflow: readonly string[];
}

/** Whether some event of a chunk may meet a query, and whether all are sure to: a negation needs to know both. */
interface Verdict {
  readonly some: boolean;
  readonly all: boolean;
}

const UNKNOWN: Verdict = { some: true, all: false };

const ofValues = <T>(
  listed: ListedValues,
  name: Exclude<keyof ListedValues, 'overflow'>,
  values: readonly T[],
  test: (value: T) => boolean,
): Verdict =>
  listed.overflow.includes(name) ? UNKNOWN : { some: values.some(test), all: values.every(test) };

const ofCondition = (condition: Condition, listed: ListedValues): Verdict => {
  if (condition.kind === 'mentions') return UNKNOWN;
  if (condition.kind === 'is') {
    if (!hasColumn(condition.field)) return UNKNOWN;
    const name = COLUMN_OF[condition.field];
    const test = textTest(condition);
    return ofValues(listed, name, listed[name], (value) => value !== '' && test(value));
  }
  const { field } = condition;
  if (field !== 'status' && field !== 'status_class') return UNKNOWN;
  const test = numberTest(condition);
  return ofValues(listed, 'statuses', listed.statuses, (status) => test(numberOfStatus(field, status)));
};

const verdict = (query: Query, listed: ListedValues): Verdict => {
  switch (query.kind) {
    case 'not': {
      const { some, all } = verdict(query.of, listed);
      return { some: !all, all: !some };
    }
    case 'and': {
      const members = query.of.map((member) => verdict(member, listed));
      return { some: members.every(({ some }) => some), all: members.every(({ all }) => all) };
    }
    case 'or': {
      const members = query.of.map((member) => verdict(member, listed));
      return { some: members.some(({ some }) => some), all: members.some(({ all }) => all) };
    }
    default:
      return ofCondition(query, listed);
  }
};

/** Whether a chunk may hold what a query asks for. Never false where it does. */
export const mayHold = (query: Query, listed: ListedValues): boolean => verdict(query, listed).some;
