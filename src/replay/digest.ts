import { createHash } from 'node:crypto';
import type { Clock } from '../platform/clock.js';
import type { Maintenance } from '../projections/runner/maintenance.js';
import { TimeSlice } from '../projections/runner/time-slice.js';
import type { DocumentKey } from '../readstore/read-store.js';
import { canonical, saidBy } from './canonical.js';

/** SHA-256 over documents in their order, each with its key and as canonical JSON. */
export class DocumentsDigest {
  readonly #hash = createHash('sha256');
  documents = 0;

  /** Takes the next document; `text` is its canonical JSON. */
  add({ tenant, id }: DocumentKey, text: string): void {
    this.documents += 1;
    this.#hash
      .update(JSON.stringify([tenant, id]))
      .update(text)
      .update('\n');
  }

  /** In hexadecimal digits; nothing is added after it. */
  finish(): string {
    return this.#hash.digest('hex');
  }
}

/** What a read model serves, while it rests: how many documents, and their digest; undefined where something else is being done with it. */
export const digestOf = (
  maintenance: Maintenance,
  clock: Pick<Clock, 'monotonic'>,
  name: string,
): Promise<{ readonly version: number; readonly documents: number; readonly digest: string } | undefined> =>
  maintenance.exclusively([name], () =>
    maintenance.whileHeld(name, async (held) => {
      await maintenance.follow([held], { until: held.folded });
      const { documents, generation } = held;
      const slice = new TimeSlice(clock);
      const digest = new DocumentsDigest();
      for await (const { key, document } of documents.scan()) {
        digest.add(key, canonical(saidBy(held.projection, document)));
        if (slice.over) await slice.rest();
      }
      return { version: generation.version, documents: digest.documents, digest: digest.finish() };
    }),
  );
