import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { count } from '../../src/cli/output.js';
import {
  freshData,
  registerTenant,
  removeData,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../../test/support/started-server.js';
import { fill } from '../load/fill.js';
import { grepping } from '../load/grep.js';
import { ABSENT, History, RARE, RARE_EVENTS } from '../load/history.js';
import { at } from '../load/result.js';
import { cpuTime, serverPid } from '../server-process.js';
import { megabytes, rate, share, spread, type Figures, type Row, type Step } from '../step.js';

const BATCH = 1_000;
const DAYS = 7;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MEMORY_EVERY_MS = 200;
/** Of the whole, what is sealed when it is searched; the newest events are not yet. */
const SEALED_SHARE = 0.9;
/** Of the bodies, each n-th goes into the file that grep reads. */
const GREPPED = 10;
const UNSEALED = { PULSESTREAM_SEALING: 'false' };

/** The server with what is asked of it. */
interface Searched {
  readonly url: string;
  readonly tenant: RegisteredTenant;
  readonly pid: number;
}

interface Page {
  readonly data: readonly { readonly message?: string }[];
  readonly next_cursor: string | null;
}

type Parameters = Readonly<Record<string, string>>;

const get = async ({ url, tenant }: Searched, path: string, parameters: Parameters): Promise<unknown> => {
  const query = new URLSearchParams(parameters).toString();
  const response = await fetch(`${url}/api/v1/ingestion/events/${path}?${query}`, {
    headers: { 'x-api-key': tenant.api_key },
  });
  if (!response.ok) throw new Error(`${path}?${query} was answered ${String(response.status)}.`);
  return response.json();
};

const page = (searched: Searched, parameters: Parameters): Promise<Page> =>
  get(searched, 'search', parameters) as Promise<Page>;

/** How long each of some requests takes, one after another. */
const timed = async (name: string, requests: readonly (() => Promise<unknown>)[]): Promise<Figures> => {
  const times: number[] = [];
  for (const request of requests) {
    const started = performance.now();
    await request();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return { [`${name}_p50_ms`]: at(times, 0.5), [`${name}_p99_ms`]: at(times, 0.99) };
};

/** Every page of a search from the first to the last, and what they took of `bytes` of NDJSON. */
const whole = async (
  name: string,
  searched: Searched,
  parameters: Parameters,
  { bytes, found }: { readonly bytes: number; readonly found: number },
): Promise<Figures> => {
  const cpu = (await cpuTime(searched.pid)) ?? NaN;
  const started = performance.now();
  let events = 0;
  let pages = 0;
  let longest = 0;
  let cursor: string | null = null;
  do {
    const asked = performance.now();
    const one: Page = await page(searched, { ...parameters, ...(cursor !== null && { cursor }) });
    longest = Math.max(longest, performance.now() - asked);
    events += one.data.length;
    pages += 1;
    cursor = one.next_cursor;
  } while (cursor !== null);
  if (events !== found)
    throw new Error(`${name} found ${String(events)} events instead of ${String(found)}.`);
  const seconds = (performance.now() - started) / 1000;
  return {
    [`${name}_seconds`]: seconds,
    [`${name}_pages`]: pages,
    [`${name}_longest_page_ms`]: longest,
    [`${name}_bytes_per_second`]: bytes / seconds,
    [`${name}_bytes_per_cpu_second`]: (bytes / (((await cpuTime(searched.pid)) ?? NaN) - cpu)) * 1e6,
  };
};

/** Looks now and then how much memory a server has of its own; stopped, it says what was the most. */
const watchMemory = ({ ownMemory }: Pick<StartedServer, 'ownMemory'>): (() => number) => {
  let most = 0;
  const look = async (): Promise<void> => {
    most = Math.max(most, await ownMemory());
  };
  // The server may have ended meanwhile.
  const timer = setInterval(() => void look().catch(() => undefined), MEMORY_EVERY_MS).unref();
  return () => {
    clearInterval(timer);
    return most;
  };
};

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

const measureOn = async (searched: Searched, history: History, bytes: number): Promise<Figures> => {
  const end = history.to;
  const last = (ms: number): Parameters => ({
    from: new Date(end - ms).toISOString(),
    to: new Date(end).toISOString(),
  });
  const services = ['checkout', 'payments', 'search', 'shipping'];
  const selective = (i: number): string =>
    `service:${services[i % services.length] ?? ''} status:>=500 duration:>250 "timed out" -route:/health`;
  const by_fields = (i: number): string =>
    `service:${services[i % services.length] ?? ''} status:503 duration:>400 -method:GET`;
  /** The pages behind the first, and these again where there are fewer. */
  const pages = async (query: string, n: number): Promise<readonly (() => Promise<unknown>)[]> => {
    const second = (await page(searched, { query })).next_cursor;
    if (second === null) throw new Error(`${query} has one page.`);
    let cursor: string | null = second;
    return times(n, () => async () => {
      cursor = (await page(searched, { query, cursor: cursor ?? second })).next_cursor;
    });
  };
  const traces = await Promise.all(
    times(20, async (i) => {
      const to = new Date(history.from + ((i + 0.5) / 20) * (end - history.from)).toISOString();
      const { data } = await page(searched, { to, limit: '1' });
      return (data[0] as { trace_id?: string } | undefined)?.trace_id ?? '';
    }),
  );
  const all = { bytes, found: 0 };
  return {
    ...(await timed(
      'search_hour',
      times(100, (i) => () => page(searched, { query: selective(i), ...last(HOUR_MS) })),
    )),
    ...(await timed(
      'search_hour_fields',
      times(100, (i) => () => page(searched, { query: by_fields(i), ...last(HOUR_MS) })),
    )),
    ...(await timed(
      'search_all',
      times(40, (i) => () => page(searched, { query: selective(i) })),
    )),
    ...(await timed(
      'search_trace',
      traces.map((trace) => () => page(searched, { query: `trace_id:${trace}`, limit: '1' })),
    )),
    ...(await timed(
      'search_frequent',
      times(40, () => () => page(searched, { query: 'exhausted' })),
    )),
    ...(await timed('search_next', await pages('exhausted', 40))),
    ...(await whole('search_rare', searched, { query: RARE }, { bytes, found: RARE_EVENTS })),
    ...(await whole('search_absent', searched, { query: ABSENT }, all)),
    ...(await timed(
      'statistics_day',
      times(
        20,
        () => () =>
          get(searched, 'statistics', {
            interval: '7m',
            group_by: 'service,status_class,method',
            ...last(DAY_MS),
          }),
      ),
    )),
    ...(await timed(
      'statistics_all',
      times(
        20,
        () => () => get(searched, 'statistics', { interval: '5h', group_by: 'service,route,status' }),
      ),
    )),
  };
};

/** A history of days on a data directory of its own, most of it sealed, and what searching it takes. */
export const search: Step = {
  name: 'search',
  what: () => 'A history of a week, and searching it',
  measure: async ({ events }) => {
    const to = Math.floor(Date.now() / 60_000) * 60_000;
    const history = new History(events, BATCH, to - DAYS * DAY_MS, to);
    const data_directory = await freshData(UNSEALED);
    const directory = await mkdtemp(join(tmpdir(), 'pulsestream-grep-'));
    const file = join(directory, 'sample.ndjson');
    const sample = (body: Buffer, number: number): Promise<void> =>
      number % GREPPED === 0 ? appendFile(file, Buffer.concat([body, Buffer.from('\n')])) : Promise.resolve();
    const sealed = Math.floor(history.bodies * SEALED_SHARE);
    let server = await startServer(data_directory, UNSEALED);
    try {
      const tenant = await registerTenant(server.url);
      const first = await fill({ server, tenant }, history, { from: 0, to: sealed }, sample);
      const memory_filled = await server.peakMemory();
      await server.stop();
      const report = (await runCliJson(data_directory, ['log', 'seal'], UNSEALED)) as {
        readonly sealed: { readonly line_bytes: number };
      };
      server = await startServer(data_directory, UNSEALED);
      const rest = await fill({ server, tenant }, history, { from: sealed, to: history.bodies }, sample);
      const bytes = first.bytes + rest.bytes;
      const pid = await serverPid(data_directory);
      const mostMemory = watchMemory(server);
      const figures = await measureOn({ url: server.url, tenant, pid }, history, bytes);
      return {
        search_events: events,
        search_bytes: bytes,
        search_sealed_bytes: report.sealed.line_bytes,
        search_filled_per_second: events / (first.seconds + rest.seconds),
        search_filled_memory_peak_bytes: memory_filled,
        ...figures,
        search_memory_peak_bytes: await server.peakMemory(),
        search_memory_own_bytes: mostMemory(),
        ...grepping(file, ABSENT),
      };
    } finally {
      await server.stop();
      await removeData(data_directory);
      await rm(directory, { recursive: true, force: true });
    }
  },
  rows: (figures) => [
    [
      `a week of ${count(figures['search_events'] ?? NaN)} events, ${megabytes(figures, 'search_bytes')} of NDJSON`,
      rate(figures, 'search_filled_per_second'),
      `${megabytes(figures, 'search_sealed_bytes')} of it sealed`,
    ],
    ...times_of(figures, 'selective search over the last hour', 'search_hour'),
    ...times_of(figures, 'the same by fields alone', 'search_hour_fields'),
    ...times_of(figures, 'selective search over all, first page', 'search_all'),
    ...times_of(figures, 'one trace id of all', 'search_trace'),
    ...times_of(figures, 'a frequent word, first page', 'search_frequent'),
    ...times_of(figures, '  its next pages', 'search_next'),
    ...scan(figures, `a word of ${String(RARE_EVENTS)} events`, 'search_rare'),
    ...scan(figures, 'a word of none', 'search_absent'),
    ...times_of(figures, 'statistics of a day, every 7 minutes, by three fields', 'statistics_day'),
    ...times_of(figures, 'statistics of all, every 5 hours, by three fields', 'statistics_all'),
    [
      'the most memory, filled / searched',
      `${megabytes(figures, 'search_filled_memory_peak_bytes')} / ${megabytes(figures, 'search_memory_peak_bytes')}`,
      `while it was searched ${megabytes(figures, 'search_memory_own_bytes')} without mapped files`,
    ],
    ['grep -i of the same NDJSON', `${megabytes(figures, 'grep_bytes_per_second')}/s`, ''],
    ['zgrep -i of the same NDJSON', `${megabytes(figures, 'zgrep_bytes_per_second')}/s`, ''],
  ],
};

const times_of = (figures: Figures, what: string, name: string): readonly Row[] => {
  const [, value] = spread(figures, name);
  return [[`${what}, p50 / p99`, value, '']];
};

const scan = (figures: Figures, what: string, name: string): readonly Row[] => [
  [
    `${what}, ${String(figures[`${name}_pages`] ?? NaN)} pages to the end`,
    `${(figures[`${name}_seconds`] ?? NaN).toFixed(2)} s`,
    `the longest ${(figures[`${name}_longest_page_ms`] ?? NaN).toFixed(0)} ms`,
  ],
  [
    '  of NDJSON',
    `${megabytes(figures, `${name}_bytes_per_second`)}/s`,
    share(figures, `${name}_bytes_per_second`, 'grep_bytes_per_second', 'grep'),
  ],
  [
    '  of NDJSON, a second of CPU',
    `${megabytes(figures, `${name}_bytes_per_cpu_second`)}/s`,
    share(figures, `${name}_bytes_per_cpu_second`, 'grep_bytes_per_cpu_second', 'grep'),
  ],
];
