import { People } from '../../src/people/people.js';
import type { PersonKey, PersonKeys } from '../../src/personkeys/person-keys.js';
import type { Clock } from '../../src/platform/clock.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemRandom } from '../../src/platform/random.js';

/** Keys in memory. */
export class MemoryPersonKeys implements PersonKeys {
  readonly entries = new Map<string, PersonKey>();

  get = (person: string) => Promise.resolve(this.entries.get(person));

  keep = (person: string, wrapped: Uint8Array) => {
    const key = this.entries.get(person) ?? { state: 'held' as const, wrapped };
    this.entries.set(person, key);
    return Promise.resolve(key);
  };

  destroy = (person: string) => {
    this.entries.set(person, { state: 'destroyed' });
    return Promise.resolve();
  };

  close = () => Promise.resolve();
}

const besides = new WeakMap<object, MemoryPersonKeys>();

/** The keys beside a log: the same ones for whoever opens it again. */
export const keysBeside = (log: object): MemoryPersonKeys => {
  const keys = besides.get(log) ?? new MemoryPersonKeys();
  besides.set(log, keys);
  return keys;
};

export const MASTER_KEY = Buffer.alloc(32, 9);

/** People with keys in memory. */
export const testPeople = (
  keys: PersonKeys = new MemoryPersonKeys(),
  clock: Pick<Clock, 'monotonic'> = systemClock,
): People => new People(keys, MASTER_KEY, systemRandom, clock);
