import { describe, expect, it } from '@jest/globals';
import { aggregateOf, aggregates } from '../../../src/domain/audit/aggregates.js';
import { MASK, masked } from '../../../src/domain/audit/masked.js';
import * as streams from '../../../src/domain/streams.js';

const names = Object.entries(streams).map(([name, stream]): readonly [string, string] => [
  name,
  typeof stream === 'string' ? stream : (stream as (id: string) => string)('x'),
]);

describe('what has a state', () => {
  it.each(names)('%s is of a known kind', (_name, stream) => {
    expect(aggregateOf(stream)?.kind).toEqual(expect.any(String));
  });

  it('is of one kind only', () => {
    for (const [, stream] of names)
      expect(aggregates.filter(({ prefix }) => stream.startsWith(prefix))).toHaveLength(1);
    const types = aggregates.flatMap((one) => one.types);
    expect(new Set(types).size).toBe(types.length);
  });

  it('is not telemetry', () => {
    expect(aggregateOf('telemetry-ten_1-0-20260101')).toBeUndefined();
  });

  it('shows no token of a session, and no hash', () => {
    const started = {
      session_id: 's',
      user_id: 'u',
      tenant_id: 't',
      token_hash: 'deadbeef',
      expires_at: '2026-01-08T00:00:00Z',
    };
    const refreshed = { token_hash: 'cafe', expires_at: '2026-01-09T00:00:00Z' };
    const state = aggregateOf('session-s')?.stateOf([
      { type: 'SessionStarted', schema_version: 1, data: started },
      { type: 'SessionRefreshed', schema_version: 1, data: refreshed },
    ]);
    expect(state).toMatchObject({ state: 'open', user_id: 'u', refreshed: 1, token_hash: MASK });
    expect(JSON.stringify(state)).not.toMatch(/deadbeef|cafe/);
  });
});

describe('masking', () => {
  it('hides secrets and their hashes at any depth, and nothing else', () => {
    expect(
      masked({
        hash: 'x',
        list: [{ token_hash: 'x', client_secret: 'x', passwords: ['x'] }],
        hashed: 'shown',
        name: 'shown',
        tokens_left: 3,
        none: null,
      }),
    ).toEqual({
      hash: MASK,
      list: [{ token_hash: MASK, client_secret: MASK, passwords: MASK }],
      hashed: 'shown',
      name: 'shown',
      tokens_left: 3,
      none: null,
    });
  });
});
