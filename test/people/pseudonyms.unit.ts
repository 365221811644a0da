import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantId } from '../../src/domain/ids.js';
import type { EventTexts } from '../../src/domain/telemetry/personal-texts.js';
import { EventStoreUnavailable } from '../../src/eventstore/event-store.js';
import { Pseudonyms } from '../../src/people/pseudonyms.js';
import { systemRandom } from '../../src/platform/random.js';
import { MemoryPseudonyms } from '../support/memory-pseudonyms.js';

const ACME = 'ten_acme' as TenantId;
const OTHER = 'ten_other' as TenantId;
const hash = (field: string, value: string): string =>
  createHmac('sha256', 'key').update(`${field}:${value}`).digest('hex');

const processOn = (store: MemoryPseudonyms, master = Buffer.alloc(32, 1)) => {
  let now = 0;
  const hashed: string[] = [];
  const pseudonyms = new Pseudonyms({
    ...{ store, master, random: systemRandom, clock: { monotonic: () => now } },
    hash: (field, value) => {
      hashed.push(value);
      return hash(field, value);
    },
  });
  return { pseudonyms, hashed, pass: (ms: number) => (now += ms) };
};

type Event = Readonly<Record<string, unknown>>;

const textsOf = (events: readonly Event[]): EventTexts => {
  const lines = events.map((event) => JSON.stringify(event));
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (const line of lines) {
    starts.push(at);
    at += Buffer.byteLength(line);
    ends.push(at);
    at += 1;
  }
  return { body: Buffer.from(lines.join('\n')), starts, ends };
};

const eventsOf = ({ body, starts, ends }: EventTexts): readonly Event[] =>
  Array.from(
    { length: starts.length },
    (_, i) => JSON.parse(body.toString('utf8', starts[i], ends[i])) as Event,
  );

const hidden = async (pseudonyms: Pseudonyms, tenant: TenantId, ...events: Event[]) =>
  eventsOf(await pseudonyms.hide(tenant, textsOf(events)));
const shown = async (pseudonyms: Pseudonyms, ...events: readonly Event[]) =>
  eventsOf(await pseudonyms.show(textsOf(events)));

const ada = { type: 'api_call', user_id: 'ada@example.com', attributes: { 'client.address': '192.0.2.7' } };
const bob = { type: 'api_call', user_id: 'bob', consumer: 'app' };

describe('pseudonyms of people', () => {
  it('have a person’s value hashed once, and not remembered behind an erasure', async () => {
    const { pseudonyms, hashed } = processOn(new MemoryPseudonyms());
    await hidden(pseudonyms, ACME, bob, bob);
    await hidden(pseudonyms, ACME, bob);
    expect(hashed).toEqual(['ten_acme:bob', 'ten_acme:app']);
    await hidden(pseudonyms, OTHER, bob);
    expect(hashed.splice(0)).toHaveLength(4);
    await pseudonyms.destroy(hash('user_id', 'ten_acme:bob'));
    await hidden(pseudonyms, ACME, bob);
    expect(hashed).toEqual(['ten_acme:bob']);
  });

  it('are opened to what was received, of any events, by any process, and say nothing of it meanwhile', async () => {
    const name = fc.oneof(
      fc.constantFrom('', 'psn_0123456789012345678901', 'sealed_x', '\ud83d\ude00', '"\\'),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
    );
    const event = fc.record(
      {
        type: fc.constant('api_call'),
        user_id: name,
        consumer: name,
        message: name,
        attributes: fc.dictionary(fc.constantFrom('client.address', 'user.email', 'other'), name),
      },
      { requiredKeys: ['type'] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 8 }), async (events) => {
        const store = new MemoryPseudonyms();
        const stored = await hidden(processOn(store).pseudonyms, ACME, ...events);
        expect(await shown(processOn(store).pseudonyms, ...stored)).toEqual(
          JSON.parse(JSON.stringify(events)),
        );
        stored.forEach((one, i) => {
          const { user_id, consumer, attributes, ...rest } = one;
          const given = events[i];
          expect(rest).toEqual(JSON.parse(JSON.stringify({ type: given?.type, message: given?.message })));
          for (const value of [user_id, consumer])
            if (value !== undefined && value !== '') expect(value).toMatch(/^psn_[\w-]{22}$/);
          if (given?.user_id || given?.consumer)
            for (const [attribute, value] of Object.entries(attributes ?? {}))
              if (attribute !== 'other') expect(value).toMatch(/^sealed_[\w-]+$/);
        });
      }),
    );
  });

  it('are the same for the same person at any time in any process, and no two people’s', async () => {
    const store = new MemoryPseudonyms();
    const first = processOn(store).pseudonyms;
    const [a, b, again] = await hidden(first, ACME, ada, bob, { ...ada, consumer: ada.user_id });
    expect(again).toMatchObject(a ?? {});
    const elsewhere = await hidden(processOn(store).pseudonyms, ACME, bob, ada);
    expect(elsewhere).toEqual([b, a]);
    const [others] = await hidden(first, OTHER, ada);
    const names = [a, b, others].map((one) => one?.['user_id']);
    expect(new Set([...names, again?.['consumer'], b?.['consumer']]).size).toBe(5);
  });

  it('are asked for once, not for each event or request', async () => {
    const store = new MemoryPseudonyms();
    const { pseudonyms, pass } = processOn(store);
    await hidden(
      pseudonyms,
      ACME,
      ...Array.from({ length: 50 }, (_, i) => ({ ...ada, user_id: `u${i % 5}` })),
    );
    expect(store.asked).toBe(2);
    await hidden(pseudonyms, ACME, { ...ada, user_id: 'u3' });
    expect(store.asked).toBe(2);
    await hidden(pseudonyms, ACME, { type: 'api_call' });
    expect(store.asked).toBe(2);
    pass(10_001);
    await hidden(pseudonyms, ACME, { ...ada, user_id: 'u3' });
    expect(store.asked).toBe(3);
  });

  it('agree where two processes meet somebody at once', async () => {
    const store = new MemoryPseudonyms();
    const all = await Promise.all(
      Array.from({ length: 5 }, () => hidden(processOn(store).pseudonyms, ACME, ada, bob)),
    );
    for (const one of all) expect(one).toEqual(all[0]);
  });

  it('are nobody’s once what tells is destroyed; nobody else’s are touched, and who comes again is another', async () => {
    const store = new MemoryPseudonyms();
    const { pseudonyms } = processOn(store);
    const elsewhere = processOn(store);
    const stored = await hidden(pseudonyms, ACME, ada, bob);
    const [others] = await hidden(pseudonyms, OTHER, ada);
    expect(await shown(elsewhere.pseudonyms, ...stored)).toEqual([ada, bob]);
    await pseudonyms.destroy(hash('user_id', `${ACME}:${ada.user_id}`));
    expect(await shown(pseudonyms, ...stored)).toEqual([stored[0], bob]);
    elsewhere.pass(10_001);
    expect(await shown(elsewhere.pseudonyms, ...stored)).toEqual([stored[0], bob]);
    expect(await shown(pseudonyms, others ?? {})).toEqual([ada]);
    const [again] = await hidden(pseudonyms, ACME, ada);
    expect(again?.['user_id']).not.toBe(stored[0]?.['user_id']);
    expect(await shown(pseudonyms, again ?? {})).toEqual([ada]);
  });

  it('open neither with another secret of the server nor where an entry was put in another’s place', async () => {
    const store = new MemoryPseudonyms();
    const stored = await hidden(processOn(store).pseudonyms, ACME, ada, bob);
    expect(await shown(processOn(store, Buffer.alloc(32, 2)).pseudonyms, ...stored)).toEqual(stored);
    await expect(hidden(processOn(store, Buffer.alloc(32, 2)).pseudonyms, ACME, ada)).rejects.toThrow(
      'secret',
    );
    const [one, other] = [...store.entries.values()];
    store.entries.set(one?.subject ?? '', { ...one!, sealed: other!.sealed });
    expect((await shown(processOn(store).pseudonyms, ...stored))[0]).toEqual(stored[0]);
  });

  it('say that the store is away, instead of naming anybody', async () => {
    const store = new MemoryPseudonyms();
    store.away = true;
    await expect(hidden(processOn(store).pseudonyms, ACME, ada)).rejects.toThrow(EventStoreUnavailable);
    expect(await hidden(processOn(store).pseudonyms, ACME, { type: 'api_call' })).toEqual([
      { type: 'api_call' },
    ]);
  });
});
