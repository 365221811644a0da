import { createHmac } from 'node:crypto';
import type { PersonField } from '../domain/erasure/erasure.js';
import type { TenantId } from '../domain/ids.js';
import {
  mayNamePeople,
  ownerOf,
  personalTexts,
  withReplacements,
  type EventTexts,
  type PersonalText,
  type PersonalTexts,
  type Replacement,
} from '../domain/telemetry/personal-texts.js';
import { lineStarts } from '../domain/telemetry/line-starts.js';
import { EventStoreUnavailable } from '../eventstore/event-store.js';
import type { PseudonymEntry, PseudonymStore } from '../personkeys/pseudonym-store.js';
import type { Clock } from '../platform/clock.js';
import type { Random } from '../platform/random.js';
import { remember } from '../platform/remember.js';
import { KEY_BYTES, newNonce, openBytes, sealBytes } from './sealing.js';

/** How long an entry is taken to be there without another look: so soon an erasure holds in every process. */
const TRUSTED_MS = 10_000;
const REMEMBERED = 50_000;

// Stored format: what stands in events for a person, and for what else they say of one.
const PREFIX = 'psn_';
const PSEUDONYM = /^psn_[\w-]{22}$/;
const SEALED = 'sealed_';
const PSEUDONYM_BYTES = 16;
const NONCE_BYTES = 12;

/** A person of a tenant's telemetry, while nobody has erased them. */
interface Named {
  readonly pseudonym: string;
  readonly value: string;
  /** What else is said of them is sealed under it. */
  readonly secret: Buffer;
}

interface Remembered {
  readonly named: Named | undefined;
  readonly until: number;
}

type Person = Pick<PersonalText<PersonField>, 'name' | 'value'>;

export interface PseudonymTools {
  readonly store: PseudonymStore;
  /** Seals what the store keeps. */
  readonly master: Buffer;
  /** A person's value under a key of the server: what the store finds the person by, and what a request to erase them says. */
  readonly hash: (field: PersonField, value: string) => string;
  readonly random: Random;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/**
 * Gives the people of telemetry other names in what is stored, and tells whose they are as long as nobody has erased
 * them. A person has a random secret; their pseudonym is a hash of the value under it, the same each time, and what else
 * an event says of them is encrypted under it. The secret gone, neither can be made nor undone.
 */
export class Pseudonyms {
  /** By field, tenant and value: a hash costs more than all else that is done about a person who is known. */
  readonly #subjects = new Map<string, string>();
  readonly #bySubject = new Map<string, Remembered>();
  readonly #byPseudonym = new Map<string, Remembered>();

  constructor(private readonly tools: PseudonymTools) {}

  /**
   * A tenant's events with pseudonyms, each found by its number as before. Rejects with EventStoreUnavailable where the
   * store does not answer.
   */
  async hide(tenant: TenantId, events: EventTexts): Promise<EventTexts> {
    if (!mayNamePeople(events.body)) return events;
    const found = textsOf(events);
    const wanted = new Map<string, Person>();
    const subjects = new Map<Person, string>();
    for (const { persons } of found)
      for (const person of persons) {
        if (person.value === '') continue;
        const subject = this.#subjectOf(tenant, person);
        subjects.set(person, subject);
        wanted.set(subject, person);
      }
    if (wanted.size === 0) return events;
    const named = await this.#assign(wanted);
    const nameOf = (person: Person): Named | undefined => named.get(subjects.get(person) ?? '');
    return withReplacements(
      events,
      found.map((texts) => hidden(texts, nameOf)),
    );
  }

  /** Events with what pseudonyms stand for; those of people who were erased stay. */
  async show(events: EventTexts): Promise<EventTexts> {
    if (!events.body.includes(PREFIX)) return events;
    const found = textsOf(events);
    const wanted = new Set<string>();
    for (const { persons } of found)
      for (const { value } of persons) if (PSEUDONYM.test(value)) wanted.add(value);
    if (wanted.size === 0) return events;
    const named = await this.#find([...wanted]);
    return withReplacements(
      events,
      found.map((texts) => shown(texts, named)),
    );
  }

  /** The same of events' JSON texts. */
  async showTexts(texts: readonly string[]): Promise<readonly string[]> {
    if (!texts.some((text) => text.includes(PREFIX))) return texts;
    const shown = await this.showLines(Buffer.from(texts.join('\n')));
    return shown.toString().split('\n');
  }

  /** The same of events with a line break between them. */
  async showLines(lines: Buffer): Promise<Buffer> {
    const starts = lineStarts(lines);
    const events = {
      body: lines,
      starts: starts.subarray(0, -1),
      ends: starts.subarray(1).map((next) => next - 1),
    };
    const shown = await this.show(events);
    // Made anew, it has a line break behind each.
    return shown === events ? lines : shown.body.subarray(0, -1);
  }

  /** Destroys what tells whose a pseudonym is: here at once, in other processes within seconds. */
  async destroy(subject: string): Promise<void> {
    const entries = await this.#asked(() => this.tools.store.ofSubjects([subject]));
    await this.#asked(() => this.tools.store.destroy(subject));
    this.#bySubject.delete(subject);
    for (const [person, one] of this.#subjects) if (one === subject) this.#subjects.delete(person);
    for (const { pseudonym } of entries) this.#byPseudonym.delete(pseudonym);
  }

  #subjectOf(tenant: TenantId, { name, value }: Person): string {
    const key = `${name} ${tenant}:${value}`;
    const known = this.#subjects.get(key);
    if (known !== undefined) return known;
    const subject = this.tools.hash(name, `${tenant}:${value}`);
    remember(this.#subjects, key, subject, REMEMBERED);
    return subject;
  }

  /** Who has these subjects; whoever is not known yet is given a pseudonym. */
  async #assign(wanted: ReadonlyMap<string, Person>): Promise<ReadonlyMap<string, Named>> {
    const { store, random } = this.tools;
    const named = new Map<string, Named>();
    const take = (entries: readonly PseudonymEntry[]): void => {
      for (const entry of entries) {
        const one = this.#opened(entry);
        // Another one in its place would be another person for whoever counts them.
        if (!one) throw new Error('A pseudonym cannot be opened: is the server’s secret another one?');
        named.set(entry.subject, one);
        this.#keep(this.#bySubject, entry.subject, one);
      }
    };
    const unknown = this.#remembered(this.#bySubject, wanted.keys(), (subject, one) => {
      if (one) named.set(subject, one);
    });
    if (unknown.length > 0) take(await this.#asked(() => store.ofSubjects(unknown)));
    const made = unknown.flatMap((subject): readonly PseudonymEntry[] => {
      const person = wanted.get(subject);
      if (!person || named.has(subject)) return [];
      const secret = random.bytes(KEY_BYTES);
      const pseudonym = pseudonymOf(secret, person.value);
      const content = Buffer.concat([secret, Buffer.from(person.value)]);
      const place = placeOf({ subject, pseudonym });
      return [{ subject, pseudonym, sealed: sealBytes(this.tools.master, newNonce(random), place, content) }];
    });
    if (made.length > 0) take(await this.#asked(() => store.keep(made)));
    if (named.size < wanted.size)
      throw new EventStoreUnavailable('unreachable', 'A pseudonym was destroyed while it was asked for.');
    return named;
  }

  /** Whose these pseudonyms are, where anybody can tell. */
  async #find(pseudonyms: readonly string[]): Promise<ReadonlyMap<string, Named>> {
    const named = new Map<string, Named>();
    const unknown = this.#remembered(this.#byPseudonym, pseudonyms, (pseudonym, one) => {
      if (one) named.set(pseudonym, one);
    });
    if (unknown.length === 0) return named;
    for (const entry of await this.#asked(() => this.tools.store.ofPseudonyms(unknown))) {
      const one = this.#opened(entry);
      if (one) named.set(one.pseudonym, one);
    }
    for (const pseudonym of unknown) this.#keep(this.#byPseudonym, pseudonym, named.get(pseudonym));
    return named;
  }

  #opened({ subject, pseudonym, sealed }: PseudonymEntry): Named | undefined {
    const content = openBytes(this.tools.master, placeOf({ subject, pseudonym }), sealed);
    return (
      content && {
        pseudonym,
        secret: content.subarray(0, KEY_BYTES),
        value: content.toString('utf8', KEY_BYTES),
      }
    );
  }

  /** Hands over what is remembered of some keys, and answers the others. */
  #remembered(
    map: ReadonlyMap<string, Remembered>,
    keys: Iterable<string>,
    take: (key: string, named: Named | undefined) => void,
  ): readonly string[] {
    const now = this.tools.clock.monotonic();
    const unknown: string[] = [];
    for (const key of keys) {
      const remembered = map.get(key);
      if (remembered && remembered.until > now) take(key, remembered.named);
      else unknown.push(key);
    }
    return unknown;
  }

  #keep(map: Map<string, Remembered>, key: string, named: Named | undefined): void {
    remember(map, key, { named, until: this.tools.clock.monotonic() + TRUSTED_MS }, REMEMBERED);
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw new EventStoreUnavailable(
        'unreachable',
        `The store of pseudonyms does not answer: ${String(error)}`,
      );
    }
  }
}

const textsOf = ({ body, starts, ends }: EventTexts): readonly PersonalTexts[] =>
  Array.from({ length: starts.length }, (_, i) => personalTexts(body, starts[i] ?? 0, ends[i] ?? 0));

const inOrder = (replacements: readonly Replacement[]): readonly Replacement[] =>
  replacements.toSorted((one, other) => one.from - other.from);

/** What is written in the place of what an event says of people. */
const hidden = (
  texts: PersonalTexts,
  nameOf: (person: Person) => Named | undefined,
): readonly Replacement[] => {
  const owner = ownerOf(texts);
  const named = owner && nameOf(owner);
  return inOrder([
    ...texts.persons.flatMap((person) => {
      const value = nameOf(person)?.pseudonym;
      return value === undefined ? [] : [{ from: person.from, to: person.to, value }];
    }),
    ...(named
      ? texts.attributes.map(({ name, value, from, to }) => ({ from, to, value: seal(named, name, value) }))
      : []),
  ]);
};

/** What is read in the place of what was written. */
const shown = (texts: PersonalTexts, named: ReadonlyMap<string, Named>): readonly Replacement[] => {
  const owner = ownerOf(texts);
  const whose = owner && named.get(owner.value);
  return inOrder([
    ...texts.persons.flatMap(({ from, to, value: pseudonym }) => {
      const value = named.get(pseudonym)?.value;
      return value === undefined ? [] : [{ from, to, value }];
    }),
    ...texts.attributes.flatMap(({ name, value: sealed, from, to }) => {
      const value = whose && unseal(whose, name, sealed);
      return value === undefined ? [] : [{ from, to, value }];
    }),
  ]);
};

const placeOf = ({
  subject,
  pseudonym,
}: Pick<PseudonymEntry, 'subject' | 'pseudonym'>): readonly string[] => [
  ...['pseudonym', subject, pseudonym],
];

const derived = (secret: Buffer, ...of: readonly string[]): Buffer =>
  createHmac('sha256', secret).update(JSON.stringify(of)).digest();

const pseudonymOf = (secret: Buffer, value: string): string =>
  PREFIX + derived(secret, 'pseudonym', value).subarray(0, PSEUDONYM_BYTES).toString('base64url');

/** The nonce is made of what is sealed: the same text comes out the same, and no two texts share one. */
const seal = ({ secret, pseudonym }: Named, name: string, value: string): string => {
  const nonce = derived(secret, 'nonce', name, value).subarray(0, NONCE_BYTES);
  const sealed = sealBytes(derived(secret, 'seal'), nonce, [pseudonym, name], Buffer.from(value));
  return `${SEALED}${sealed.toString('base64url')}`;
};

const unseal = ({ secret, pseudonym }: Named, name: string, text: string): string | undefined =>
  text.startsWith(SEALED)
    ? openBytes(
        derived(secret, 'seal'),
        [pseudonym, name],
        Buffer.from(text.slice(SEALED.length), 'base64url'),
      )?.toString()
    : undefined;
