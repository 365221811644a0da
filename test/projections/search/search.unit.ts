import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '../../../src/domain/json.js';
import type { TenantId } from '../../../src/domain/ids.js';
import type { ShownEvent } from '../../../src/domain/telemetry/shown-event.js';
import type { TelemetryFilter } from '../../../src/domain/telemetry/filter.js';
import type { RecordedEvent } from '../../../src/eventstore/event-store.js';
import { chunkIndex } from '../../../src/projections/chunk-index/projection.js';
import { eventById } from '../../../src/projections/search/event-by-id.js';
import { searchEvents, type SearchQuery } from '../../../src/projections/search/search.js';
import { events, meets, queries } from '../../support/queries.js';
import { chunkOf, foldAll, NOW, sealedOf, tenant, TestLog, testModels } from '../../support/telemetry.js';

const logOf = (events: readonly RecordedEvent[]): TestLog => {
  const log = new TestLog();
  log.events.push(...events);
  return log;
};

const page = async (log: TestLog, query: SearchQuery, of = tenant) => {
  const outcome = await searchEvents(
    testModels(() => log.events),
    log,
    of,
    query,
  );
  if (!outcome.ok) throw new Error(outcome.code);
  return outcome;
};

/** Every page of a search; `between` is called after each. */
const pages = async (
  log: TestLog,
  query: Omit<SearchQuery, 'after'>,
  between: () => void = () => undefined,
): Promise<ShownEvent[][]> => {
  const all: ShownEvent[][] = [];
  let after: Json | undefined;
  do {
    const { data, next } = await page(log, { ...query, ...(after !== undefined && { after }) });
    all.push([...data]);
    after = next;
    between();
  } while (after !== undefined);
  return all;
};

const event = fc.record(
  {
    type: fc.constantFrom('api_call', 'error'),
    timestamp: fc.oneof(
      fc.integer({ min: NOW - 5, max: NOW }),
      fc.integer({ min: NOW - 200_000, max: NOW }),
      fc.integer({ min: 0, max: NOW }),
    ),
    service: fc.constantFrom('a', 'b'),
    path: fc.constantFrom('/o/1', '/o/2', '/p'),
    method: fc.constantFrom('GET', 'POST'),
    status_code: fc.constantFrom(200, 204, 404, 500),
    duration_ms: fc.constantFrom(1, 10, 100),
    user_id: fc.constantFrom('u1', 'u2'),
    trace_id: fc.constantFrom('t1', 't2'),
    message: fc.constantFrom('Time out', 'fine'),
    attributes: fc.record({ plan: fc.constantFrom('free', 7, true, null) }),
  },
  { requiredKeys: ['type', 'timestamp'] },
);
type Sample = typeof event extends fc.Arbitrary<infer T> ? T : never;

const filter = fc.record(
  {
    type: fc.constantFrom('api_call', 'error'),
    service: fc.constantFrom('a', 'c'),
    route: fc.constantFrom('/o/{id}', '/p'),
    method: fc.constant('GET'),
    status: fc.constantFrom(200, 404),
    status_class: fc.constantFrom(2, 5),
    min_duration_ms: fc.constantFrom(0, 10),
    user_id: fc.constant('u1'),
    trace_id: fc.constant('t1'),
    attributes: fc.record({ plan: fc.constantFrom('free', '7', 'true', 'null') }),
    q: fc.constantFrom('time', 'OUT', '/o/', 'FREE', 'nothing'),
  },
  { requiredKeys: [] },
);

/** The filter by the plainest reading of what each field means. */
const matches = (sample: Sample, wanted: Partial<TelemetryFilter>): boolean => {
  const route = sample.path?.replace(/\d+/, '{id}');
  const texts: (string | undefined)[] = [
    sample.type,
    sample.service,
    sample.path,
    sample.method,
    sample.user_id,
    sample.trace_id,
  ];
  texts.push(
    sample.message,
    typeof sample.attributes?.plan === 'string' ? sample.attributes.plan : undefined,
  );
  return (
    (wanted.type === undefined || sample.type === wanted.type) &&
    (wanted.service === undefined || sample.service === wanted.service) &&
    (wanted.route === undefined || route === wanted.route) &&
    (wanted.method === undefined || sample.method === wanted.method) &&
    (wanted.status === undefined || sample.status_code === wanted.status) &&
    (wanted.status_class === undefined ||
      Math.floor((sample.status_code ?? 0) / 100) === wanted.status_class) &&
    (wanted.min_duration_ms === undefined || (sample.duration_ms ?? -1) >= wanted.min_duration_ms) &&
    (wanted.user_id === undefined || sample.user_id === wanted.user_id) &&
    (wanted.trace_id === undefined || sample.trace_id === wanted.trace_id) &&
    (wanted.attributes === undefined ||
      (sample.attributes !== undefined && String(sample.attributes.plan) === wanted.attributes.plan)) &&
    (wanted.q === undefined || texts.some((text) => text?.toLowerCase().includes(wanted.q!.toLowerCase())))
  );
};

describe('searching', () => {
  it('finds exactly what matches, newest first, across chunks that overlap, page by page', async () => {
    const chunks = fc.array(fc.array(event, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 });
    const range = fc.option(fc.tuple(fc.integer({ min: NOW - 10, max: NOW }), fc.nat({ max: 10 })), {
      nil: undefined,
    });
    await fc.assert(
      fc.asyncProperty(
        chunks,
        filter,
        range,
        fc.integer({ min: 1, max: 7 }),
        async (parts, wanted, span, limit) => {
          const log = logOf(parts.map((events, i) => chunkOf(events, { number: i + 1 })));
          const bounds = span && { from: span[0], to: span[0] + span[1] };
          const found = (await pages(log, { filter: wanted, limit, ...bounds })).flat();
          const right = parts
            .flatMap((events, i) =>
              events.map((sample, index) => ({
                sample,
                event_id: `evt_${log.events[i]!.id.replaceAll('-', '').slice(0, -5)}${index.toString(16).padStart(5, '0')}`,
              })),
            )
            .filter(
              ({ sample }) =>
                matches(sample, wanted as Partial<TelemetryFilter>) &&
                (!bounds || (sample.timestamp >= bounds.from && sample.timestamp <= bounds.to)),
            )
            .sort(
              (one, other) =>
                other.sample.timestamp - one.sample.timestamp || (one.event_id < other.event_id ? 1 : -1),
            );
          expect(found.map(({ event_id }) => event_id)).toEqual(right.map(({ event_id }) => event_id));
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it('finds what a query means, in chunks that are skipped, scanned or read whole', async () => {
    const chunks = fc.array(fc.array(events, { minLength: 1, maxLength: 12 }), {
      minLength: 1,
      maxLength: 6,
    });
    const args = [chunks, queries, fc.integer({ min: 1, max: 7 }), fc.nat()] as const;
    await fc.assert(
      fc.asyncProperty(...args, async (parts, query, limit, sealed) => {
        const log = logOf(
          parts.map((samples, i) => {
            const chunk = chunkOf(samples, { number: i + 1 });
            return (sealed >> i) % 2 === 1 ? sealedOf(chunk) : chunk;
          }),
        );
        const found = (await pages(log, { filter: {}, query, limit })).flat();
        const right = parts
          .flat()
          .filter((sample) => meets(sample, query))
          .map(({ timestamp }) => new Date(timestamp).toISOString());
        expect(found.map(({ timestamp }) => timestamp)).toEqual(right.sort().reverse());
        for (const { event_id, recorded_at, ...shown } of found) {
          const single = await eventById(
            testModels(() => log.events),
            log,
            tenant,
            event_id,
          );
          expect(single).toMatchObject({ event_id, recorded_at, ...shown });
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('shows one snapshot over all its pages while new events arrive', async () => {
    const log = logOf([chunkOf([0, 1, 2, 3, 4].map((n) => ({ type: 'a', timestamp: NOW - n })))]);
    let number = 1;
    const found = await pages(log, { filter: {}, limit: 2 }, () => {
      number += 1;
      log.events.push(chunkOf([{ type: 'new', timestamp: NOW - 3 }], { number }));
    });
    expect(found.map((one) => one.length)).toEqual([2, 2, 1]);
    expect(found.flat().every(({ type }) => type === 'a')).toBe(true);
  });

  it('shows one snapshot over all its pages while its chunks are sealed and new ones arrive, whatever they hold', async () => {
    const chunks = fc.array(fc.array(events, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        chunks,
        chunks,
        queries,
        fc.integer({ min: 1, max: 3 }),
        async (parts, later, query, limit) => {
          const log = logOf(parts.map((samples, i) => chunkOf(samples, { number: i + 1 })));
          let turn = 0;
          const found = await pages(log, { filter: {}, query, limit }, () => {
            const arriving = later[turn];
            if (arriving) log.events.push(chunkOf(arriving, { number: log.events.length + 1 }));
            const next = log.events[turn];
            if (next) log.events[turn] = sealedOf(next);
            turn += 1;
          });
          const right = parts
            .flat()
            .filter((sample) => meets(sample, query))
            .map(({ timestamp }) => new Date(timestamp).toISOString());
          expect(found.flat().map(({ timestamp }) => timestamp)).toEqual(right.sort().reverse());
        },
      ),
      { seed: 3, numRuns: 100 },
    );
  });

  it('reads only the chunks that may hold what it wants', async () => {
    const log = logOf(
      Array.from({ length: 50 }, (_, i) =>
        chunkOf([{ type: 'a', service: i === 7 ? 'rare' : 'usual', timestamp: NOW - i * 60_000 }], {
          number: i + 1,
        }),
      ),
    );
    const read: number[] = [];
    const readStream = log.readStream.bind(log);
    log.readStream = (stream, options) => {
      read.push(options?.from ?? -1);
      return readStream(stream, options);
    };
    expect((await page(log, { filter: { service: 'rare' }, limit: 10 })).data).toHaveLength(1);
    expect(read).toEqual([7]);
    read.length = 0;
    await page(log, { filter: {}, from: NOW - 121_000, to: NOW - 59_000, limit: 10 });
    expect(read).toEqual([1, 2]);
    read.length = 0;
    await page(log, { filter: {}, limit: 2 });
    expect(read).toEqual([0, 1, 2]);
  });

  it('ends a page early rather than reading without end, and goes on with the next', async () => {
    const log = logOf(
      Array.from({ length: 900 }, (_, i) =>
        chunkOf([{ type: 'a', message: i === 850 ? 'needle' : '', timestamp: NOW - i * 1000 }], {
          number: i + 1,
        }),
      ),
    );
    const found = await pages(log, { filter: { q: 'needle' }, limit: 10 });
    expect(found.map((one) => one.length)).toEqual([0, 1]);
  });

  it.each([[null], ['x'], [[1]], [[1, 'a', 'b']], [{ time: 1 }]])(
    'refuses a cursor that is none: %j',
    async (after) => {
      const log = logOf([chunkOf([{ type: 'a' }])]);
      expect(
        await searchEvents(
          testModels(() => log.events),
          log,
          tenant,
          { filter: {}, limit: 1, after },
        ),
      ).toEqual({
        ok: false,
        code: 'invalid_cursor',
      });
    },
  );
});

describe('one event by its id', () => {
  const stored = chunkOf([{ type: 'a' }, { type: 'b', id: 'mine', path: '/o/1' }]);
  const log = logOf([stored]);
  const models = testModels(() => log.events);
  const id = (index: string) => `evt_${stored.id.replaceAll('-', '').slice(0, -5)}${index}`;

  it('comes with where it stands and where it came from', async () =>
    expect(await eventById(models, log, tenant, id('00001'))).toMatchObject({
      event_id: id('00001'),
      id: 'mine',
      type: 'b',
      route: '/o/{id}',
      route_derived: true,
      position: stored.position,
      stream: 'telemetry-test',
      revision: 0,
      index: 1,
      provenance: { actor: { kind: 'api_key', id: 'key_1' }, origin: 'api', request_id: 'req' },
    }));

  it('is not there under another id, in another tenant, or beyond the chunk’s end', async () => {
    expect(await eventById(models, log, tenant, id('00002'))).toBeUndefined();
    expect(await eventById(models, log, tenant, 'evt_0190b3c5d1f87c0e8a4f000000900000')).toBeUndefined();
    expect(await eventById(models, log, tenant, 'nonsense')).toBeUndefined();
    expect(await eventById(models, log, 'ten_other' as TenantId, id('00001'))).toBeUndefined();
  });
});

describe('the chunk index', () => {
  it('lists what a chunk holds, and says where there is more than it lists', () => {
    const events = Array.from({ length: 100 }, (_, n) => ({
      type: 'a',
      route: `/${n}`,
      status_code: 200 + (n % 3),
      timestamp: NOW - n * 1000,
    }));
    const [entry] = [...foldAll(chunkIndex, [chunkOf(events)]).values()];
    expect(entry).toMatchObject({
      count: 100,
      min_time: NOW - 99_000,
      max_time: NOW,
      span: 1,
      types: ['a'],
      services: [''],
      routes: [],
      statuses: [200, 201, 202],
      overflow: ['routes'],
    });
  });
});
