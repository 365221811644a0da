import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from '../../../src/api/http/json.js';

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

const codeOf = (text: string | Buffer): string | undefined => {
  const parsed = parseJson(Buffer.from(text as string));
  return parsed.ok ? undefined : parsed.problem.code;
};

describe('parsing a body', () => {
  it('finds its depth from the bytes as from the value, whatever its strings hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 20, max: 32 }), (value, outer) => {
        const text = '['.repeat(outer) + JSON.stringify(value) + ']'.repeat(outer);
        fc.pre(!text.includes('__proto__'));
        expect(codeOf(text)).toBe(outer + depthOf(value) > 32 ? 'too_deep' : undefined);
      }),
      { seed: 8 },
    );
  });

  it('is not deceived by brackets in strings or by escaped quotes', () => {
    expect(codeOf(String.raw`["${'['.repeat(40)}\"${'['.repeat(40)}", "\\", "[["]`)).toBeUndefined();
  });

  it('refuses a depth of a hundred thousand before it parses', () => {
    expect(codeOf('['.repeat(100_000))).toBe('too_deep');
    expect(codeOf('{"a":'.repeat(100_000))).toBe('too_deep');
  });

  it('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__'));
        expect(parseJson(Buffer.from(text))).toEqual({ ok: true, value: JSON.parse(text) as unknown });
      }),
      { seed: 8 },
    );
  });

  it.each([
    ['nothing', '', 'empty_body'],
    ['text that is not JSON', '{"a":', 'invalid_json'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'invalid_json'],
    ['a property called __proto__', '{"a":[{"__proto__":{"admin":true}}]}', 'invalid'],
    ['one in disguise', String.raw`{"\u005f_proto__":1}`, 'invalid'],
  ])('refuses %s', (_what, text, code) => expect(codeOf(text)).toBe(code));

  it('says where the forbidden name stands', () => {
    const parsed = parseJson(Buffer.from('{"a/b":[0,{"__proto__":1}]}'));
    expect(parsed).toMatchObject({ ok: false, problem: { errors: [{ pointer: '/a~1b/1/__proto__' }] } });
  });
});
