import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PersonKeys } from '../../src/personkeys/person-keys.js';

export interface PersonKeysHarness {
  readonly keys: PersonKeys;
  /** Ends the process that had them, and begins another. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

const first = Buffer.alloc(60, 1);
const other = Buffer.alloc(60, 2);
const held = (wrapped: Buffer) => ({ state: 'held', wrapped });
const destroyed = { state: 'destroyed' };

/** What every store of people's keys keeps. */
export const personKeysContract = (name: string, open: () => Promise<PersonKeysHarness>): void => {
  describe(name, () => {
    let harness: PersonKeysHarness;
    beforeEach(async () => {
      harness = await open();
    });
    afterEach(() => harness.close());

    it('has no key of a person who never had one', async () => {
      expect(await harness.keys.get('usr_1')).toBeUndefined();
    });

    it('keeps a key, each person’s own, and across a restart', async () => {
      expect(await harness.keys.keep('usr_1', first)).toEqual(held(first));
      expect(await harness.keys.keep('usr_2', other)).toEqual(held(other));
      await harness.reopen();
      expect(await harness.keys.get('usr_1')).toEqual(held(first));
      expect(await harness.keys.get('usr_2')).toEqual(held(other));
    });

    it('keeps the first of two keys, and says so to both', async () => {
      await harness.keys.keep('usr_1', first);
      expect(await harness.keys.keep('usr_1', other)).toEqual(held(first));
      await harness.reopen();
      expect(await harness.keys.get('usr_1')).toEqual(held(first));
    });

    it('agrees on one key where several are kept at once', async () => {
      const offered = [1, 2, 3, 4, 5].map((byte) => Buffer.alloc(60, byte));
      const kept = await Promise.all(offered.map((key) => harness.keys.keep('usr_1', key)));
      const is = await harness.keys.get('usr_1');
      for (const one of kept) expect(one).toEqual(is);
    });

    it('destroys a key for good, and no other', async () => {
      await harness.keys.keep('usr_1', first);
      await harness.keys.keep('usr_2', other);
      await harness.keys.destroy('usr_1');
      expect(await harness.keys.get('usr_1')).toEqual(destroyed);
      expect(await harness.keys.keep('usr_1', other)).toEqual(destroyed);
      await harness.reopen();
      expect(await harness.keys.get('usr_1')).toEqual(destroyed);
      expect(await harness.keys.keep('usr_1', other)).toEqual(destroyed);
      expect(await harness.keys.get('usr_2')).toEqual(held(other));
    });

    it('changes nothing where a key is destroyed again', async () => {
      await harness.keys.keep('usr_1', first);
      await harness.keys.destroy('usr_1');
      await harness.keys.destroy('usr_1');
      expect(await harness.keys.get('usr_1')).toEqual(destroyed);
    });

    it('keeps whoever never had a key from having one, once it is destroyed', async () => {
      await harness.keys.destroy('usr_1');
      await harness.reopen();
      expect(await harness.keys.get('usr_1')).toEqual(destroyed);
      expect(await harness.keys.keep('usr_1', first)).toEqual(destroyed);
    });
  });
};
