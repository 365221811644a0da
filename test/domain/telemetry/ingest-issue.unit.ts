import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  ISSUE_KEPT_MS,
  MAX_ISSUES,
  mergedIssues,
  shownText,
  type IngestIssue,
} from '../../../src/domain/telemetry/ingest-issue.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');

const issue = (code: string, seen: number, count = 1, actor = 'key_1'): IngestIssue => ({
  ...{ outcome: 'rejected', code, pointer: '/type', actor: { kind: 'api_key', id: actor }, count },
  first_seen: seen,
  last_seen: seen,
  example: { request_id: `r${seen}`, detail: 'is wrong' },
});
const issues = fc.array(
  fc
    .tuple(fc.nat(300), fc.nat(1000), fc.integer({ min: 1, max: 50 }), fc.nat(2))
    .map(([code, ago, count, actor]) => issue(`c${code}`, NOW - ago, count, `key_${actor}`)),
  { maxLength: 400 },
);
const sum = (list: readonly IngestIssue[]): number => list.reduce((total, { count }) => total + count, 0);

describe('issues that are added up', () => {
  it('lose no count, stay few, and tell those apart that were seen last', () => {
    fc.assert(
      fc.property(issues, issues, (one, other) => {
        const merged = mergedIssues([one, other], NOW);
        expect(sum(merged)).toBe(sum(one) + sum(other));
        expect(merged.filter(({ code }) => code !== 'other').length).toBeLessThanOrEqual(MAX_ISSUES);
        expect(merged.length).toBeLessThanOrEqual(MAX_ISSUES + 1);
        const last = Math.max(...[...one, ...other].map(({ last_seen }) => last_seen));
        if (merged.length > 0) expect(merged[0]?.last_seen).toBe(last);
        expect(mergedIssues([merged], NOW)).toEqual(merged);
      }),
    );
  });

  it('keep when they were first and last seen, and the last example', () => {
    const merged = mergedIssues([[issue('a', NOW - 5, 2)], [issue('a', NOW - 9), issue('a', NOW - 1)]], NOW);
    expect(merged).toEqual([
      {
        ...issue('a', NOW - 1, 4),
        first_seen: NOW - 9,
        example: { request_id: `r${NOW - 1}`, detail: 'is wrong' },
      },
    ]);
  });

  it('are forgotten when they were not seen for a week', () => {
    expect(mergedIssues([[issue('a', NOW - ISSUE_KEPT_MS)]], NOW)).toEqual([]);
    expect(mergedIssues([[issue('a', NOW - ISSUE_KEPT_MS + 1)]], NOW)).toHaveLength(1);
  });
});

describe('a text of a sender', () => {
  it.each([
    ['/attributes/ps_live_4eC39HqLyjWDarjtT1zdp7dc', '/attributes/***'],
    [
      '/attributes/a_very_long_name_of_an_attribute_indeed',
      '/attributes/a_very_long_name_of_an_attribute_indeed',
    ],
    ['An event may have 262144 bytes.', 'An event may have 262144 bytes.'],
    ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0', '***.***'],
  ])('is shown without what looks like a secret: %s', (text, shown) => {
    expect(shownText(text)).toBe(shown);
  });

  it('is bounded', () => {
    expect(shownText('x '.repeat(1000))).toHaveLength(200);
  });
});
