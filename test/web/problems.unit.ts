import { describe, expect, it } from '@jest/globals';
import { sentence } from '../../web/src/problem.js';

describe('what the page says of a refusal', () => {
  it('is the server’s own sentence', () => {
    expect(sentence({ detail: 'E-mail address or password is wrong.' })).toBe(
      'E-mail address or password is wrong.',
    );
  });

  it('names the fields that are wrong, where the server does', () => {
    expect(
      sentence({
        detail: 'Some fields are not valid.',
        errors: [
          { pointer: '/tenant_name', detail: 'must not be empty' },
          { pointer: '/password', detail: 'must have at most 72 bytes' },
        ],
      }),
    ).toBe('Tenant name must not be empty. Password must have at most 72 bytes.');
  });

  it('is something even where the server said nothing', () => {
    expect(sentence({})).toBe('The server refused the request.');
  });
});
