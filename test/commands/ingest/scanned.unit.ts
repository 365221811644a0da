import { describe, expect, it } from '@jest/globals';
import { nextCase, seeded } from '../../fuzz/bodies.js';
import { difference } from '../../fuzz/by-parsing.js';

/** Ten million of them: `npm run fuzz -- --cases 10000000`. */
const CASES = 5000;

describe('reading events by their bytes', () => {
  it('comes to what parsing and the schema come to, also where the chunk is read again', () => {
    const random = seeded(20_260_301);
    for (let done = 0; done < CASES; done += 1) {
      const { form, body, sent_at } = nextCase(random);
      const wrong = difference({ form, body, sent_at });
      expect(wrong && { form, sent_at, body: body.toString('latin1'), wrong }).toBeUndefined();
    }
  });
});
