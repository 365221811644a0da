import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { collectionsContract } from './read-store/collections.js';
import { documentsContract } from './read-store/documents.js';
import { registerContract } from './read-store/register.js';
import { Subject, type ReadStoreHarness } from './read-store/subject.js';
import { walksContract } from './read-store/walks.js';

export type { ReadStoreHarness } from './read-store/subject.js';

/**
 * What every read store keeps to. `runs`: how many random histories each property is tried on.
 * `atomic_updates`: whether the server compares and sets in one step.
 */
export const readStoreContract = (
  name: string,
  makeHarness: () => Promise<ReadStoreHarness>,
  { runs = 60, atomic_updates = true } = {},
): void => {
  describe(`${name} keeps the read store's contract`, () => {
    const on = new Subject();
    beforeEach(async () => on.begin(await makeHarness()));
    afterEach(() => on.end());

    documentsContract(on, runs);
    walksContract(on, runs);
    collectionsContract(on);
    registerContract(on, atomic_updates);

    it('says that it is well', async () => {
      expect(await on.harness.store.health()).toEqual({ status: 'ok' });
    });
  });
};
