import fc from 'fast-check';

/** Spellings that JSON allows and that no program writes by itself. */
const oddNumbers = fc.constantFrom(
  '1.50',
  '1e3',
  '1E+2',
  '-0',
  '0.10',
  '-0.0',
  '12345678901234567890',
  '0.1234567890123',
);

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('GET', 'POST', 'checkout', '/orders/{id}', '', 'ä', '😀'),
  fc.integer({ min: 0, max: 5_000 }).map((n) => `u${n}`),
  fc.uuid(),
  fc.stringMatching(/^[0-9a-f]{16}$/),
  fc.stringMatching(/^[0-9A-F]{8}$/),
  fc
    .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
);

const value: fc.Arbitrary<string> = fc.oneof(
  texts.map((text) => JSON.stringify(text)),
  texts.map((text) => JSON.stringify(text).replaceAll('/', '\\/')),
  fc.integer().map(String),
  fc.integer({ min: -99_999, max: 99_999 }).map((n) => String(n / 100)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  oddNumbers,
  fc.constantFrom('true', 'false', 'null', '{}', '[]', '[1,"a",{"b":2}]'),
);

const space = fc.oneof(
  { weight: 9, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(' ', '\t') },
);

const KEYS = ['type', 'service', 'status_code', 'duration_ms', 'trace_id', 'timestamp', 'path', 'attributes'];

/** A line of JSON: keys of a few, so that lines are alike, or of many; white space here and there. */
const line = (key: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(key, space, value, space), { maxLength: 8 })
    .map((members) => `{${members.map(([k, a, v, b]) => `"${k}"${a}:${b}${v}`).join(',')}}`);

const knownKey = fc.constantFrom(...KEYS);
const anyKey = fc.string({ maxLength: 5 }).map((key) => JSON.stringify(key).slice(1, -1));

/** Lines of the same keys, each column of one kind of value: what events of one sender look like. */
const alike = fc
  .tuple(fc.uniqueArray(knownKey, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 80 }))
  .chain(([keys, count]) =>
    fc
      .tuple(
        ...keys.map(() =>
          fc.oneof(
            fc.array(value, { minLength: 1, maxLength: 3 }),
            fc.array(value, { minLength: count, maxLength: count }),
          ),
        ),
      )
      .map((columns) =>
        Array.from(
          { length: count },
          (_, i) =>
            `{${keys.map((key, k) => `"${key}":${columns[k]?.[i % columns[k].length] ?? 'null'}`).join(',')}}`,
        ),
      ),
  );

/** Some lines of telemetry: like events of one sender, or like nothing in particular. None holds a line feed. */
export const lineGroups: fc.Arbitrary<string[]> = fc
  .oneof(
    alike,
    fc.array(fc.oneof(line(knownKey), line(anyKey), fc.string({ maxLength: 20 })), {
      minLength: 1,
      maxLength: 40,
    }),
    fc
      .tuple(alike, fc.array(line(anyKey), { maxLength: 5 }))
      .map(([some, others]) => [...some, ...others, ...some]),
  )
  .map((lines) => lines.map((each) => each.replaceAll('\n', ' ')));

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** Telemetry events of all sorts that ingest lets through; their fields in another order each time. */
export const telemetryEvent: fc.Arbitrary<object> = fc
  .record({
    type: fc.constantFrom('api_call', 'error', 'user_action'),
    timestamp: optional(
      fc.oneof(
        fc.integer({ min: 0, max: 4e12 }),
        fc
          .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
          .map((date) => date.toISOString()),
        fc.constantFrom(
          '2024-02-29T23:59:59Z',
          '2024-02-29T23:59:59+02:00',
          '2024-02-29t23:59:59.123456789z',
        ),
      ),
    ),
    service: optional(
      fc.oneof(fc.constantFrom('checkout', 'accounts'), fc.string({ unit: 'binary', maxLength: 8 })),
    ),
    method: optional(fc.constantFrom('GET', 'POST')),
    route: optional(fc.constantFrom('/orders/{id}', '/', '')),
    path: optional(fc.nat(999).map((n) => `/orders/${n}?q=ä`)),
    status_code: optional(fc.integer({ min: 100, max: 599 })),
    duration_ms: optional(
      fc.oneof(
        fc.nat(10_000).map((n) => n / 100),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
      ),
    ),
    trace_id: optional(fc.stringMatching(/^[0-9a-f]{32}$/)),
    attributes: optional(
      fc.dictionary(
        fc.constantFrom('service', 'type', 'x'),
        fc.oneof(fc.string(), fc.integer(), fc.boolean()),
      ),
    ),
  })
  .chain((event) => fc.shuffledSubarray(Object.entries(event), { minLength: 10, maxLength: 10 }))
  .map((fields) => Object.fromEntries(fields.filter(([, value]) => value !== undefined)));
