import { describe, expect, it } from '@jest/globals';
import {
  credentialsOf,
  expectedVersionOf,
  idempotencyKeyOf,
  requestIdOf,
  traceIdOf,
} from '../../../src/api/http/context.js';

describe('what a request says of itself', () => {
  it.each([
    ['Bearer abc', {}, { bearer: 'abc' }],
    ['bearer   abc ', {}, { bearer: 'abc' }],
    ['Basic abc', {}, undefined],
    ['Bearer a b', {}, undefined],
    [undefined, { 'x-api-key': ' ps_1 ' }, { api_key: 'ps_1' }],
    ['Bearer abc', { 'x-api-key': 'ps_1' }, { api_key: 'ps_1' }],
  ])('credentials in Authorization %p and %p', (authorization, more, credentials) => {
    expect(credentialsOf({ ...(authorization && { authorization }), ...more })).toEqual(credentials);
  });

  it.each([
    ['"8e03978e-40d5"', '8e03978e-40d5'],
    ['8e03978e-40d5', '8e03978e-40d5'],
    [String.raw`"a\"b"`, 'a"b'],
    ['', null],
    ['""', null],
    ['x'.repeat(256), null],
    ['schlüssel', null],
  ])('the Idempotency-Key %p', (given, key) => {
    expect(idempotencyKeyOf({ 'idempotency-key': given })).toBe(key);
  });

  it.each([
    ['"v7"', 7],
    ['*', undefined],
    ['v7', 'invalid'],
    ['W/"v7"', 'invalid'],
    ['"v99999999999999999"', 'invalid'],
  ])('If-Match %p', (given, version) => expect(expectedVersionOf({ 'if-match': given })).toBe(version));

  it.each([
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '0af7651916cd43dd8448eb211c80319c'],
    ['00-00000000000000000000000000000000-b7ad6b7169203331-01', undefined],
    ['00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', undefined],
    ['nonsense', undefined],
  ])('traceparent %p', (given, trace) => expect(traceIdOf({ traceparent: given })).toBe(trace));

  it('an id of its own is taken where a log line can bear it', () => {
    expect(requestIdOf({ 'x-request-id': 'req-1.a:b' })).toBe('req-1.a:b');
    expect(requestIdOf({ 'x-request-id': 'a\r\nb' })).toBeUndefined();
    expect(requestIdOf({ 'x-request-id': 'x'.repeat(129) })).toBeUndefined();
  });
});
