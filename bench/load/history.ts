import { seeded } from './events.js';

const services = ['checkout', 'accounts', 'catalogue', 'search', 'payments', 'shipping'];
const routes = [
  '/orders/{id}',
  '/orders',
  '/users/{id}',
  '/cart',
  '/search',
  '/checkout',
  '/login',
  '/health',
];
const statuses = [200, 200, 200, 200, 200, 200, 200, 201, 204, 304, 400, 404, 429, 500, 503];
const regions = ['eu-west-1', 'us-east-1', 'ap-south-1'];
const failures = ['upstream timed out', 'connection reset by peer', 'pool exhausted', 'circuit open'];

/** A word that no event has, and one that so many events of a whole history have. */
export const ABSENT = 'zymurgical';
export const RARE = 'quokka';
export const RARE_EVENTS = 3;

const TIME = Buffer.from('"timestamp":"');
const TRACE = Buffer.from('"trace_id":"');
const TIME_LENGTH = '2026-01-01T00:00:00.000Z'.length;
const TRACE_LENGTH = 32;

/** A body of NDJSON with the places of what is written anew each time. */
interface Template {
  readonly body: Buffer;
  readonly times: readonly number[];
  readonly traces: readonly number[];
}

/** Events spread evenly over a stretch of time, the oldest first, in bodies of NDJSON. */
export class History {
  /** How many bodies there are. */
  readonly bodies: number;
  readonly #templates: readonly Template[];
  readonly #rare: ReadonlySet<number>;
  readonly #random = seeded(11);

  /** Times in epoch milliseconds; `batch`: events in a body. */
  constructor(
    events: number,
    readonly batch: number,
    readonly from: number,
    readonly to: number,
  ) {
    this.bodies = Math.ceil(events / batch);
    const random = seeded(42);
    this.#templates = Array.from({ length: 64 }, () => template(random, batch));
    this.#rare = new Set(
      Array.from({ length: RARE_EVENTS }, (_, i) => Math.floor(((i + 0.5) * this.bodies) / RARE_EVENTS)),
    );
  }

  /** A body by its number, from 0 on; holds until the next one of the same template is asked for. */
  body(number: number): Buffer {
    const { body, times, traces } = this.#templates[number % this.#templates.length] as Template;
    const step = (this.to - this.from) / (this.bodies * this.batch);
    times.forEach((at, i) => {
      const time = Math.floor(this.from + (number * this.batch + i) * step);
      body.write(new Date(time).toISOString(), at, TIME_LENGTH, 'latin1');
    });
    for (const at of traces) body.write(this.#hex(), at, TRACE_LENGTH, 'latin1');
    return this.#rare.has(number) ? withRareWord(body) : body;
  }

  #hex(): string {
    let digits = '';
    while (digits.length < TRACE_LENGTH)
      digits += Math.floor(this.#random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return digits;
  }
}

/** The first message of a body says the rare word. */
const withRareWord = (body: Buffer): Buffer =>
  Buffer.from(body.toString('latin1').replace('"message":"', `"message":"${RARE} `), 'latin1');

const template = (random: () => number, batch: number): Template => {
  const body = Buffer.from(
    Array.from({ length: batch }, () => JSON.stringify(apiCall(random))).join('\n'),
    'latin1',
  );
  return { body, times: placesOf(body, TIME), traces: placesOf(body, TRACE) };
};

const placesOf = (body: Buffer, key: Buffer): number[] => {
  const places: number[] = [];
  for (let at = body.indexOf(key); at >= 0; at = body.indexOf(key, at + 1)) places.push(at + key.length);
  return places;
};

/** One API call, about 270 bytes; of a failed one a message says why, and a few have attributes. */
const apiCall = (random: () => number): object => {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const status_code = pick(statuses);
  return {
    type: 'api_call',
    timestamp: '0'.repeat(TIME_LENGTH),
    service: pick(services),
    environment: 'production',
    region: pick(regions),
    method: random() < 0.8 ? 'GET' : 'POST',
    route: pick(routes),
    status_code,
    duration_ms: Math.round(Math.exp(random() * 6) * 100) / 100,
    response_bytes: Math.floor(random() * 4096),
    user_id: `u${Math.floor(random() * 5000)}`,
    trace_id: '0'.repeat(TRACE_LENGTH),
    ...(status_code >= 500 && {
      severity: 'error',
      message: `${pick(failures)} after ${Math.floor(random() * 5000)} ms`,
    }),
    ...(random() < 0.1 && { attributes: { plan: pick(['free', 'paid']), items: Math.floor(random() * 20) } }),
  };
};
