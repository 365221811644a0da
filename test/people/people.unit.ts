import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '../../src/domain/json.js';
import { CLIENT, ERASED, UNREADABLE } from '../../src/domain/personal.js';
import { isSealed, type Sealed } from '../../src/domain/sealed.js';
import { People } from '../../src/people/people.js';
import { systemRandom } from '../../src/platform/random.js';
import { MASTER_KEY, MemoryPersonKeys, testPeople } from '../support/people.js';

let keys: MemoryPersonKeys;
let people: People;
let now: number;
const clock = { monotonic: () => now };
beforeEach(() => {
  now = 0;
  keys = new MemoryPersonKeys();
  people = testPeople(keys, clock);
});

const sealed = async (person: string, field: string, value: Json): Promise<Sealed> => {
  const made = await people.seal(person, field, value);
  if (!isSealed(made)) throw new Error('not sealed');
  return made;
};

/** The same with one bit the other way round. */
const flipped = ({ of, sealed: text }: Sealed, bit: number): Sealed => {
  const bytes = Buffer.from(text, 'base64url');
  const at = Math.floor(bit / 8) % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
  return { of, sealed: bytes.toString('base64url') };
};

const person = fc.constantFrom('usr_1', 'usr_2', 'key_3');
const field = fc.constantFrom('email', 'full_name', CLIENT);
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.record({ address: fc.string(), user_agent: fc.string() }),
);

describe('what is said of a person', () => {
  it('opens as what was sealed, and says nothing of it meanwhile', () =>
    fc.assert(
      fc.asyncProperty(person, field, value, async (of, name, said) => {
        const made = await sealed(of, name, said);
        expect(await people.open(undefined, name, { ...made })).toEqual(said);
        const text = typeof said === 'string' ? said : said.address;
        if (text.length > 8) expect(JSON.stringify(made)).not.toContain(text);
      }),
    ));

  it('is sealed anew each time', async () => {
    expect(await sealed('usr_1', 'email', 'a@b.example')).not.toEqual(
      await sealed('usr_1', 'email', 'a@b.example'),
    );
  });

  it('opens under no other person’s key, in no other field, and with no bit flipped', () =>
    fc.assert(
      fc.asyncProperty(person, field, value, fc.nat(), async (of, name, said, bit) => {
        const made = await sealed(of, name, said);
        await sealed('usr_other', name, said);
        const unreadable = name === CLIENT ? { address: UNREADABLE } : UNREADABLE;
        expect(await people.open(undefined, name, { ...made, of: 'usr_other' })).toEqual(unreadable);
        expect(await people.open(undefined, `${name}_2`, { ...made })).toEqual(UNREADABLE);
        expect(await people.open(undefined, name, { ...flipped(made, bit) })).toEqual(unreadable);
      }),
    ));

  it('does not open where it is cut short', async () => {
    const made = await sealed('usr_1', 'email', 'a@b.example');
    for (let length = 0; length < made.sealed.length - 2; length += 1)
      expect(await people.open(undefined, 'email', { ...made, sealed: made.sealed.slice(0, length) })).toBe(
        UNREADABLE,
      );
  });

  it('is erased once the key is destroyed, and never sealed again', async () => {
    const made = await sealed('usr_1', 'email', 'a@b.example');
    const other = await sealed('usr_2', 'email', 'c@d.example');
    await people.destroyKey('usr_1');
    expect(await people.open(undefined, 'email', { ...made })).toBe(ERASED);
    expect(await people.open(undefined, 'email', { ...other })).toBe('c@d.example');
    expect(await people.seal('usr_1', 'email', 'a@b.example')).toBe(ERASED);
    expect(await people.seal('usr_1', CLIENT, { address: '::1' })).toEqual({ address: ERASED });
  });

  it('is erased in another process within half a second', async () => {
    const made = await sealed('usr_1', 'email', 'a@b.example');
    const elsewhere = testPeople(keys, clock);
    expect(await elsewhere.open(undefined, 'email', { ...made })).toBe('a@b.example');
    await people.destroyKey('usr_1');
    now += 500;
    expect(await elsewhere.open(undefined, 'email', { ...made })).toBe(ERASED);
  });

  it('is shown where an earlier release wrote it plain, and no more once the person is erased', async () => {
    expect(await people.open('usr_1', 'email', 'a@b.example')).toBe('a@b.example');
    await people.destroyKey('usr_1');
    expect(await people.open('usr_1', 'email', 'a@b.example')).toBe(ERASED);
    expect(await people.open(undefined, CLIENT, { address: '::1' })).toEqual({ address: '::1' });
  });

  it('is unreadable where the key is lost, which is not the same as erased', async () => {
    const made = await sealed('usr_1', 'email', 'a@b.example');
    keys.entries.clear();
    expect(await testPeople(keys, clock).open(undefined, 'email', { ...made })).toBe(UNREADABLE);
  });

  it('neither opens nor is sealed under another secret of the server, which makes no key in place of the one there is', async () => {
    const made = await sealed('usr_1', 'email', 'a@b.example');
    const kept = keys.entries.get('usr_1');
    const stranger = new People(keys, Buffer.alloc(32, 1), systemRandom, clock);
    expect(await stranger.open(undefined, 'email', { ...made })).toBe(UNREADABLE);
    await expect(stranger.seal('usr_1', 'email', 'x')).rejects.toThrow('unwrapped');
    expect(keys.entries.get('usr_1')).toEqual(kept);
  });

  it('has a key that stands nowhere as it is', async () => {
    await sealed('usr_1', 'email', 'a@b.example');
    const key = keys.entries.get('usr_1');
    if (key?.state !== 'held') throw new Error('no key');
    expect(key.wrapped.length).toBe(12 + 16 + 32);
    const moved = new MemoryPersonKeys();
    moved.entries.set('usr_2', key);
    // A wrapped key is its person's and nobody else's.
    await expect(testPeople(moved, clock).seal('usr_2', 'email', 'x')).rejects.toThrow('unwrapped');
  });

  it('asks for a key again where the store of keys could not be asked', async () => {
    const made = await sealed('usr_1', 'email', 'a@b.example');
    let down = true;
    const flaky = {
      ...{ keep: keys.keep, destroy: keys.destroy },
      get: (id: string) => (down ? Promise.reject(new Error('down')) : keys.get(id)),
    };
    const reader = new People(flaky, MASTER_KEY, systemRandom, clock);
    await expect(reader.open(undefined, 'email', { ...made })).rejects.toThrow('down');
    down = false;
    expect(await reader.open(undefined, 'email', { ...made })).toBe('a@b.example');
  });
});
