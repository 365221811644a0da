import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '../../src/domain/json.js';
import { decodeCursor, encodeCursor } from '../../src/projections/cursor.js';

describe('a list cursor', () => {
  it('gives back any value that it was made from', () =>
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Json;
        const cursor = encodeCursor(plain);
        fc.pre(cursor.length <= 4096);
        expect(decodeCursor(cursor)).toEqual(plain);
      }),
      { seed: 1 },
    ));

  it('is refused where it was not made by us', () => {
    for (const text of ['', '{}', 'e30=', 'a b', '%7B%7D', 'e30.', Buffer.from('{').toString('base64url')])
      expect(decodeCursor(text)).toBeUndefined();
    expect(decodeCursor(Buffer.from('{ "a": 1 }').toString('base64url'))).toBeUndefined();
  });

  it('is refused unread where it is longer than any of ours', () =>
    expect(decodeCursor(encodeCursor('x'.repeat(4000)))).toBeUndefined());

  it('never throws on text from outside', () =>
    fc.assert(
      fc.property(fc.string(), (text) => {
        decodeCursor(text);
      }),
      { seed: 2 },
    ));
});
