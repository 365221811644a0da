import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { bindQuery } from '../../../../src/domain/telemetry/query/match.js';
import { parseQuery } from '../../../../src/domain/telemetry/query/parse.js';
import { decodeChunk, chunkOf } from '../../../support/telemetry.js';

describe('the examples in docs/search.md', () => {
  const text = readFileSync('docs/search.md', 'utf8');
  const lines = /```ndjson\n(.*?)\n```/s.exec(text)?.[1]?.split('\n') ?? [];
  const samples = lines.map((line) => JSON.parse(line) as { readonly id: string });
  const examples = [...text.matchAll(/^\| `(.*)` +\| (\d(?:, \d)*) +\|$/gm)].map(
    ([, query = '', ids = '']) => [query, ids.split(', ')] as const,
  );

  it('are there', () => expect([samples.length, examples.length]).toEqual([4, 10]));

  it.each(examples)('%s', (query, ids) => {
    const parsed = parseQuery(query);
    if (!parsed.ok) throw new Error(parsed.expected);
    const test = bindQuery(parsed.query, decodeChunk(chunkOf(samples)));
    expect(samples.filter((_, i) => test(i)).map(({ id }) => id)).toEqual(ids);
  });
});
