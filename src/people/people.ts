import type { Json } from '../domain/json.js';
import { ERASED, UNREADABLE, withMarker } from '../domain/personal.js';
import { isSealed, type Sealed } from '../domain/sealed.js';
import type { PersonKey, PersonKeys } from '../personkeys/person-keys.js';
import type { Clock } from '../platform/clock.js';
import type { Random } from '../platform/random.js';
import { remember } from '../platform/remember.js';
import { KEY_BYTES, newNonce, openBytes, sealBytes } from './sealing.js';

/** How long a key is taken to be there without another look: so soon an erasure holds in every process. */
const TRUSTED_MS = 400;
const REMEMBERED = 10_000;

type Known =
  | { readonly state: 'held'; readonly key: Buffer }
  | { readonly state: 'destroyed' | 'missing' }
  /** Wrapped with another secret than the server's. */
  | { readonly state: 'foreign' };

interface Remembered {
  readonly known: Promise<Known>;
  readonly until: number;
}

/** Seals what is said of people under a key of each, and opens it as long as there is that key. */
export class People {
  readonly #remembered = new Map<string, Remembered>();

  constructor(
    private readonly keys: Pick<PersonKeys, 'get' | 'keep' | 'destroy'>,
    /** Wraps the keys of people. */
    private readonly master: Buffer,
    private readonly random: Random,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  /**
   * Seals a personal field under its person's key, which is made where there is none yet. Of somebody who was erased
   * nothing is kept but the marker that says so.
   */
  async seal(person: string, field: string, value: Json): Promise<Json> {
    const found = await this.#find(person);
    const known = found.state === 'missing' ? await this.#make(person) : found;
    if (known.state === 'destroyed') return withMarker(field, ERASED);
    // Another key in its place would leave everything sealed before unreadable.
    if (known.state !== 'held')
      throw new Error('The key of a person cannot be unwrapped: is the server’s secret another one?');
    const bytes = Buffer.from(JSON.stringify(value));
    const sealed = sealBytes(known.key, newNonce(this.random), [person, field], bytes);
    return { of: person, sealed: sealed.toString('base64url') } satisfies Sealed;
  }

  /**
   * A personal field as people may read it: opened, or the marker that says why not. `person`: whose it is where it was
   * written plain, by an earlier release: once they are erased it is not shown either.
   */
  async open(person: string | undefined, field: string, value: Json): Promise<Json> {
    const sealed = isSealed(value);
    const of = sealed ? value.of : person;
    if (of === undefined) return value;
    const known = await this.#find(of);
    if (known.state === 'destroyed') return withMarker(field, ERASED);
    if (!sealed) return value;
    const bytes =
      known.state === 'held'
        ? openBytes(known.key, [of, field], Buffer.from(value.sealed, 'base64url'))
        : undefined;
    return bytes ? (JSON.parse(bytes.toString()) as Json) : withMarker(field, UNREADABLE);
  }

  /** The same of some of an object's fields. */
  async openFields<T extends object>(
    person: string | undefined,
    fields: readonly string[],
    object: T,
  ): Promise<T> {
    const given = object as Readonly<Record<string, Json | undefined>>;
    const changed: Record<string, Json> = {};
    for (const field of fields) {
      const value = given[field];
      if (value !== undefined) changed[field] = await this.open(person, field, value);
    }
    return { ...object, ...changed };
  }

  async isErased(person: string): Promise<boolean> {
    return (await this.#find(person)).state === 'destroyed';
  }

  /** Destroys a person's key. What was sealed under it is unreadable from then on: here at once, elsewhere within a second. */
  async destroyKey(person: string): Promise<void> {
    await this.keys.destroy(person);
    this.forget(person);
  }

  /** Looks for a person's key before it is used again. */
  forget(person: string): void {
    this.#remembered.delete(person);
  }

  #find(person: string): Promise<Known> {
    const now = this.clock.monotonic();
    const remembered = this.#remembered.get(person);
    if (remembered && remembered.until > now) return remembered.known;
    return this.#remember(
      person,
      this.keys.get(person).then((key) => this.#unwrap(person, key)),
      now,
    );
  }

  #make(person: string): Promise<Known> {
    const key = this.random.bytes(KEY_BYTES);
    const wrapped = sealBytes(this.master, newNonce(this.random), ['key', person], key);
    const kept = this.keys.keep(person, wrapped).then((is) => this.#unwrap(person, is));
    return this.#remember(person, kept, this.clock.monotonic());
  }

  #unwrap(person: string, kept: PersonKey | undefined): Known {
    if (!kept) return { state: 'missing' };
    if (kept.state === 'destroyed') return kept;
    const key = openBytes(this.master, ['key', person], kept.wrapped);
    return key ? { state: 'held', key } : { state: 'foreign' };
  }

  #remember(person: string, known: Promise<Known>, now: number): Promise<Known> {
    const remembered = { known, until: now + TRUSTED_MS };
    remember(this.#remembered, person, remembered, REMEMBERED);
    known.catch(() => {
      if (this.#remembered.get(person) === remembered) this.#remembered.delete(person);
    });
    return known;
  }
}
