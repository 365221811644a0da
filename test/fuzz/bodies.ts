import type { Form } from './by-parsing.js';

/** Bodies for fuzzing: right, nearly right, damaged and odd ones, the same for the same seed. */

export interface Case {
  readonly form: Form;
  readonly body: Buffer;
  /** What a header says of the sender's clock. */
  readonly sent_at: number | undefined;
}

/** Numbers from 0 up to, not including, a limit (Marsaglia's xorshift, 32 bits). */
export type Random = (limit: number) => number;

export const seeded = (seed: number): Random => {
  let state = Math.imul(seed, 0x9e3779b1) || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  };
};

const pick = <T>(random: Random, values: readonly [T, ...T[]]): T =>
  values[random(values.length)] ?? values[0];

/** Texts as they stand between quotes. */
const texts = [
  'GET',
  'checkout',
  '/orders/{id}',
  '',
  'a',
  'ab',
  'abc',
  'abcd',
  'abcde',
  'api_call',
  'x'.repeat(31),
  'x'.repeat(32),
  'x'.repeat(33),
  'y'.repeat(64),
  'z'.repeat(65),
  'w'.repeat(128),
  'v'.repeat(129),
  'u'.repeat(256),
  't'.repeat(257),
  's'.repeat(512),
  'r'.repeat(513),
  'ü',
  'ü'.repeat(17),
  'ü'.repeat(32),
  '€'.repeat(12),
  '😀'.repeat(16),
  '😀'.repeat(17),
  '\\n',
  '\\u0041',
  '\\ud800',
  '\\"',
  '\\\\',
  '\\/',
  '\\x',
  '\\',
  '\u007f',
  '},{',
  '"',
  '}',
  ']',
  '\t',
  '\u0000',
  ' ',
  '\u2028',
  '/a b?c=%20',
  '__proto__',
  '/users/42',
  '/users/43',
  '/',
] as const;
const numbers = [
  '0',
  '1',
  '-1',
  '-0',
  '00',
  '01',
  '0.',
  '.5',
  '0.5',
  '0.1',
  '0.2',
  '0.30',
  '1.0',
  '200',
  '99',
  '100',
  '599',
  '600',
  '200.0',
  '200.5',
  '2e2',
  '1E3',
  '1e-3',
  '1e999',
  '1e',
  '123456789',
  '1234567890',
  '2147483647',
  '2147483648',
  '4294967296',
  '999999999999999',
  '1000000000000000',
  '9007199254740991',
  '9007199254740992',
  '8640000000000000',
  '8640000000000001',
  '1000000000',
  '1000000000.0001',
  '1000000001',
  '0.000001',
  '0.1234567890123',
  '0.12345678901234',
  '0.123456789012345',
  '0.1234567890123456',
  '123.456',
  '12345.678901',
  '99999999.9999999',
  '0.30000000000000004',
  '1772366400000',
  '1772366400000.75',
  '1772452800000',
  '1772452800001',
  '1772452801000',
  '9'.repeat(63),
  '9'.repeat(65),
  '9'.repeat(400),
  '+1',
  'NaN',
  '1a',
  '--1',
  '0x1',
  '1_0',
] as const;
const times = [
  '2026-03-01T11:59:59.123Z',
  '2026-03-01T11:59:00Z',
  '2026-03-01T11:58:60Z',
  '2026-03-01T11:58:61Z',
  '2026-03-02T12:00:00Z',
  '2026-03-02T12:00:00.001Z',
  '2026-03-02T14:00:00+02:00',
  '2026-03-01t11:59:59z',
  '2026-02-29T00:00:00Z',
  '2024-02-29T00:00:00Z',
  '2026-03-01T24:00:00Z',
  '2026-03-01T11:60:00Z',
  '2026-13-01T11:00:00Z',
  '2026-03-01T11:59:59',
  '2026-03-01T11:59:59.Z',
  '2026-03-01T11:59:59.5',
  '2026-03-01 11:59:59Z',
  '1969-12-31T23:59:59.9Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '2026-03-01T11:59:59.1234567890123456789Z',
  '2026-03-01T11:59:59.12345678901234567890Z',
  '2026-03-01T11:59:59-23:59',
  '2026-03-01T11:59:59+24:00',
  '2026-03-01T11:59:59+02:60',
  '2026-03-01T11:59:59+0200',
  '2026-03-01T11:59:59.25-01:30',
  '2026-03-01T11:59:5aZ',
  '',
  '2026-03-01T11:5',
  'yesterday',
  '2026-03-01T11:59Z',
  '2026-03-01T11:59:59.1Z ',
  '2026-03-01T11:59:59ZZ',
] as const;
const types = [
  'api_call',
  'error',
  'tick',
  'a',
  'Tick',
  '',
  '9a',
  'a b',
  'a'.repeat(64),
  'a'.repeat(65),
  'a.b-c_9',
  'ä',
  'a\\u0062',
] as const;
const textFields = [
  'service',
  'environment',
  'region',
  'method',
  'route',
  'path',
  'user_id',
  'consumer',
  'trace_id',
  'span_id',
  'severity',
  'message',
  'id',
  'service',
  'method',
  'route',
  'path',
] as const;
const numberFields = [
  'status_code',
  'duration_ms',
  'request_bytes',
  'response_bytes',
  'status_code',
  'duration_ms',
] as const;
const oddFields = [
  'statuscode',
  'Type',
  'typ',
  'types',
  'sent_at',
  '__proto__',
  'constructor',
  'a',
  '',
  'status\\u005fcode',
  'weight',
] as const;
const odd = [
  'null',
  'true',
  '[]',
  '{}',
  '[1]',
  '{"a":[{}]}',
  '"',
  '',
  'undefined',
  '{"a":1,}',
  `${'['.repeat(40)}${']'.repeat(40)}`,
] as const;
const spaces = ['', ' ', '\n', '\t', '\r\n', '  \n ', '\u00a0', '\u000b'] as const;

/** How white space is put between tokens: as most senders do, or as hardly anyone does. */
type Spacing = (random: Random) => string;
const dense: Spacing = () => '';
const spacious: Spacing = (random) => (random(4) === 0 ? pick(random, spaces) : '');
const spacings: readonly [Spacing, ...Spacing[]] = [
  dense,
  dense,
  dense,
  dense,
  (random) => (random(50) === 0 ? '\n' : ' '),
  spacious,
];

/** A number as some program might write it: any digits with any point. */
const anyNumber = (random: Random): string => {
  const digits = Array.from({ length: 1 + random(17) }, () => String(random(10))).join('');
  const point = random(digits.length + 1);
  return point === 0 || point === digits.length ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
};

const number = (random: Random): string =>
  random(3) === 0
    ? anyNumber(random)
    : random(2) === 0
      ? String(random(1_000_000) / 100)
      : pick(random, numbers);

const usual: Readonly<Record<string, (random: Random) => string>> = {
  status_code: (random) => String(100 + random(500)),
  duration_ms: (random) => String(random(1_000_000) / 1000),
  request_bytes: (random) => String(random(100_000)),
  response_bytes: (random) => String(random(100_000)),
};

const attributes = (random: Random, space: Spacing): string => {
  if (random(20) === 0)
    return `{${Array.from({ length: 63 + random(4) }, (_, i) => `"k${String(i)}":${String(i)}`).join(',')}}`;
  const count = random(5);
  const pairs = Array.from({ length: count }, (_, i) => {
    const name =
      random(4) === 0 ? pick(random, texts) : random(8) === 0 ? pick(random, oddFields) : `k${String(i)}`;
    const value =
      random(12) === 0
        ? pick(random, odd)
        : pick(random, [
            () => `"${pick(random, texts)}"`,
            () => number(random),
            () => pick(random, ['true', 'false', 'null', 'fals', 'nul', 'truee']),
          ])();
    return `${space(random)}"${name}"${space(random)}:${space(random)}${value}${space(random)}`;
  });
  return `{${pairs.join(',') || space(random)}}`;
};

const oddOrNumber = (random: Random): string => (random(2) === 0 ? pick(random, odd) : number(random));

const field = (random: Random, space: Spacing, wild: boolean): readonly [string, string] => {
  if (random(wild ? 12 : 400) === 0)
    return [pick(random, oddFields), random(2) === 0 ? pick(random, odd) : `"${pick(random, texts)}"`];
  if (random(30) === 0)
    return pick(random, [
      ['weight', number(random)],
      ['weight', '12'],
      ['sample_rate', '0.25'],
      ['durations', '{"values":[1,2.5],"counts":[3,4]}'],
      ['durations', '{"values":[1],"counts":[3,4]}'],
    ]);
  switch (random(10)) {
    case 0:
      return [
        'timestamp',
        random(3) === 0
          ? number(random)
          : `"${wild ? pick(random, times) : `2026-03-01T11:5${String(random(10))}:${String(10 + random(50))}.${String(random(1000))}Z`}"`,
      ];
    case 1:
    case 2:
    case 3: {
      const name = pick(random, numberFields);
      return [name, wild ? number(random) : (usual[name]?.(random) ?? '1')];
    }
    case 4:
      return ['attributes', attributes(random, space)];
    case 5:
      return [pick(random, textFields), wild ? oddOrNumber(random) : `"v${String(random(20))}"`];
    default:
      return [pick(random, textFields), `"${wild ? pick(random, texts) : `v${String(random(20))}`}"`];
  }
};

const event = (random: Random): string => {
  const space = pick(random, spacings);
  const wild = random(3) === 0;
  const fields = new Map<string, string>([
    ['type', `"${wild ? pick(random, types) : pick(random, ['api_call', 'error', 'tick'])}"`],
  ]);
  for (let left = random(7); left > 0; left -= 1) {
    const [name, value] = field(random, space, wild);
    fields.set(name, value);
  }
  const entries = [...fields];
  if (random(3) === 0) entries.push(...entries.splice(0, random(entries.length)));
  if (random(30) === 0) entries.splice(0, 1);
  const doubled = entries[random(entries.length)]?.[0];
  if (random(25) === 0)
    for (const [name, value] of [
      field(random, space, wild),
      field(random, space, wild),
      field(random, space, wild),
    ])
      if (name === doubled || random(8) === 0) entries.push([name, value]);
  return `{${entries.map(([name, value]) => `${space(random)}"${name}"${space(random)}:${space(random)}${value}${space(random)}`).join(',')}}`;
};

const damages = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '0',
  '9',
  '.',
  '-',
  'e',
  ' ',
  '\n',
  '\u0000',
  'a',
  't',
] as const;

const damaged = (random: Random, body: Buffer): Buffer => {
  const at = random(body.length + 1);
  const byte = random(4) === 0 ? Buffer.from([random(256)]) : Buffer.from(pick(random, damages));
  switch (random(4)) {
    case 0:
      return Buffer.concat([body.subarray(0, at), byte, body.subarray(at)]);
    case 1:
      return Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + random(3))]);
    case 2:
      return Buffer.concat([body.subarray(0, at), byte, body.subarray(at + 1)]);
    default: {
      const other = Buffer.from(body);
      const to = random(body.length + 1);
      const moved = other[at];
      if (moved === undefined || to >= other.length) return body.subarray(0, at);
      other[at] = other[to] ?? 0;
      other[to] = moved;
      return other;
    }
  }
};

const clocks = [
  '"2026-03-01T11:59:59.700Z"',
  '"2026-02-27T10:00:00+02:00"',
  '"2026-03-09T12:00:00.5Z"',
  '0',
  '1772366399999.9',
  '253402300799999',
] as const;
const no_clocks = [
  '"today"',
  'null',
  '-1',
  '253402300800000',
  '{"at":1}',
  '"2026-03-01T12:00:00Z',
  '',
] as const;

/** Events with or without what the sender's clock said, before them or behind. */
const envelope = (random: Random, events: string): string => {
  const fields: [string, ...string[]] = [`"events":${events}`];
  if (random(2) === 0) {
    const clock = random(8) === 0 ? pick(random, no_clocks) : pick(random, clocks);
    fields.splice(random(2), 0, `"sent_at":${clock}`);
  }
  if (random(30) === 0) fields.push(pick(random, fields));
  return `{${fields.join(',')}}`;
};

const enveloped = (random: Random, form: Form, events: readonly string[]): string => {
  const space = random(6) === 0 ? spacious : dense;
  if (form === 'one')
    return (random(30) === 0 ? '\ufeff' : '') + space(random) + (events[0] ?? '') + space(random);
  if (form === 'ndjson') {
    const between = pick(random, ['\n', '\n', '\n', '\r\n', '\n\n', ' \n\t', '\n \n', ',']);
    return space(random) + events.join(between) + pick(random, ['', '\n', ' ', '\r\n']);
  }
  const between = (): string => `${space(random)},${space(random)}`;
  let array = `${space(random)}[${space(random)}${events.reduce((joined, one) => (joined === '' ? one : joined + between() + one), '')}${space(random)}]`;
  if (random(3) === 0) array = envelope(random, array);
  if (random(40) === 0)
    array =
      pick(random, [
        '\ufeff',
        `{"events":${array},"a":1}`,
        `{"event":${array}}`,
        `${array},`,
        `[${array}]`,
        `${array}x`,
      ]) + (random(2) === 0 ? array : '');
  return array + space(random);
};

const senders = [0, 1_772_366_300_123, 1_772_970_000_000] as const;

/** The next body. */
export const nextCase = (random: Random): Case => {
  const form = pick<Form>(random, ['json', 'json', 'ndjson', 'one']);
  const count = form === 'one' ? 1 : random(60) === 0 ? 7 + random(4) : random(4);
  const events = Array.from({ length: count }, () => (random(40) === 0 ? pick(random, odd) : event(random)));
  let body: Buffer = Buffer.from(enveloped(random, form, events));
  if (random(4) === 0)
    for (let times_left = 1 + random(2); times_left > 0; times_left -= 1) body = damaged(random, body);
  return { form, body, sent_at: random(5) === 0 ? pick(random, senders) : undefined };
};
