import { describe, expect, it } from '@jest/globals';
import { Type } from 'typebox';
import { RuleDefinition } from '../../src/domain/alerting/rule.js';
import { compile } from '../../src/platform/validation.js';

const closed = { additionalProperties: false };
const validate = compile(
  Type.Object(
    {
      name: Type.String({ minLength: 2 }),
      'a/b~c': Type.Optional(Type.Integer({ maximum: 3 })),
      tags: Type.Optional(Type.Array(Type.Enum(['x', 'y']), { maxItems: 1 })),
    },
    closed,
  ),
);
const wrong = (value: unknown, check: (value: unknown) => ReturnType<typeof validate> = validate) => {
  const outcome = check(value);
  return outcome.ok ? [] : outcome.errors.map(({ pointer, code }) => [pointer, code]);
};

describe('checking what comes from outside', () => {
  it('gives back what is valid, unchanged', () => {
    const value = { name: 'ok', tags: ['x'] };
    const outcome = validate(value);
    expect(outcome).toEqual({ ok: true, value });
    expect(outcome.ok && outcome.value).toBe(value);
  });

  it.each<[string, unknown, string[][]]>([
    ['a field that is missing', {}, [['/name', 'required']]],
    ['a field that is not known', { name: 'ok', nam: 1 }, [['/nam', 'unknown_field']]],
    ['a field of another type', { name: 1 }, [['/name', 'wrong_type']]],
    ['a text that is too short', { name: 'a' }, [['/name', 'too_short']]],
    ['a number that is too large', { name: 'ok', 'a/b~c': 4 }, [['/a~1b~0c', 'too_large']]],
    ['a value that is not allowed', { name: 'ok', tags: ['z'] }, [['/tags/0', 'not_allowed']]],
    ['a list that is too long', { name: 'ok', tags: ['x', 'y'] }, [['/tags', 'too_many']]],
    ['no object at all', null, [['', 'wrong_type']]],
  ])('names %s', (_what, value, errors) => {
    expect(wrong(value)).toEqual(errors);
  });

  it('takes no field that would reach into prototypes', () => {
    for (const name of ['__proto__', 'constructor', 'prototype'])
      expect(wrong(JSON.parse(`{"name": "ok", "${name}": {"x": 1}}`))).toEqual([
        [`/${name}`, 'unknown_field'],
      ]);
  });

  it('says of several shapes what is wrong with the one that was meant', () => {
    const rule = { name: 'r', severity: 'info', window_seconds: 60 };
    const metric = { metric: 'error_count', operator: '>', threshold: '1' };
    const check = compile(RuleDefinition);
    expect(wrong({ ...rule, condition: metric }, check as typeof validate)).toEqual([
      ['/condition/threshold', 'wrong_type'],
    ]);
    expect(wrong({ ...rule, condition: { all: [metric] } }, check as typeof validate)).toEqual([
      ['/condition/all/0/threshold', 'wrong_type'],
    ]);
  });
});
