import { batches, singles } from './events.js';
import { closedLoop, type LoadResult } from './load.js';
import { pushLatency } from './push.js';
import { cpuTime, serverPid } from './server-process.js';
import { runCliJson, type RegisteredTenant, type StartedServer } from '../test/support/started-server.js';

export const BATCH = 1000;
const BATCH_CONNECTIONS = 4;
export const SINGLE_CONNECTIONS = 64;
const PARSE_MS = 2000;

/** What the steps of a run share. */
export interface Run {
  readonly server: StartedServer;
  readonly tenant: RegisteredTenant;
  readonly seconds: number;
  /** Telemetry events that the server has accepted. */
  stored: number;
}

export type Figures = Readonly<Record<string, number>>;

/** One thing that is measured; `what` is shown while it is. */
export interface Step {
  readonly name: string;
  readonly what: (seconds: number) => string;
  readonly measure: (run: Run) => Promise<Figures>;
}

const bodies = batches(64, BATCH);

/** Events a second that JSON.parse alone makes of the bodies, on one core. */
const parse = (): Promise<Figures> => {
  const started = performance.now();
  let events = 0;
  while (performance.now() - started < PARSE_MS)
    for (const body of bodies) events += (JSON.parse(body.toString()) as unknown[]).length;
  return Promise.resolve({
    json_parse_events_per_second: events / ((performance.now() - started) / 1000),
  });
};

const push = async (run: Run): Promise<Figures> => {
  const { url } = run.server;
  const events = singles(100);
  const idle = await run.server.memory();
  const { p50_ms, p99_ms } = await pushLatency(url, run.tenant, events);
  run.stored += events.length;
  return { push_p50_ms: p50_ms, push_p99_ms: p99_ms, memory_idle_bytes: idle };
};

interface Sent {
  readonly path: string;
  readonly bodies: readonly Buffer[];
  readonly connections: number;
  readonly wanted_status: number;
  readonly events_each: number;
}

/** A load on the server, and what it took of its CPU. */
const load = async (
  run: Run,
  { path, events_each, ...sent }: Sent,
): Promise<LoadResult & { readonly cpu_us: number }> => {
  const pid = await serverPid(run.server.data_directory);
  let before: Promise<number | undefined> = Promise.resolve(undefined);
  const result = await closedLoop({
    ...sent,
    url: `${run.server.url}/api/v1/ingestion/${path}`,
    headers: { 'content-type': 'application/json', 'x-api-key': run.tenant.api_key },
    seconds: run.seconds,
    onCounting: () => {
      before = cpuTime(pid);
    },
  });
  const after = await cpuTime(pid);
  run.stored += result.accepted * events_each;
  return { ...result, cpu_us: (after ?? NaN) - ((await before) ?? NaN) };
};

const ingest = async (run: Run): Promise<Figures> => {
  const result = await load(run, {
    path: 'events/batch',
    bodies,
    connections: BATCH_CONNECTIONS,
    wanted_status: 200,
    events_each: BATCH,
  });
  return {
    ingest_events_per_second: (result.requests * BATCH) / result.seconds,
    ingest_p50_ms: result.p50_ms,
    ingest_p99_ms: result.p99_ms,
    ingest_cpu_us_per_event: result.cpu_us / (result.requests * BATCH),
    ingest_refused: result.refused,
    memory_loaded_bytes: await run.server.memory(),
  };
};

const single = async (run: Run): Promise<Figures> => {
  const result = await load(run, {
    path: 'events',
    bodies: singles(1000),
    connections: SINGLE_CONNECTIONS,
    wanted_status: 201,
    events_each: 1,
  });
  return {
    single_per_second: result.requests / result.seconds,
    single_p50_ms: result.p50_ms,
    single_p99_ms: result.p99_ms,
    single_cpu_us_per_request: result.cpu_us / result.requests,
    single_refused: result.refused,
  };
};

/** With the server stopped: the rebuild has the machine to itself. It ends with a comparison of old and new. */
const replay = async (run: Run): Promise<Figures> => {
  if (run.stored === 0) await ingest(run);
  await run.server.stop();
  const { ok, seconds } = (await runCliJson(run.server.data_directory, [
    'projections',
    'rebuild',
    '--all',
  ])) as { readonly ok: boolean; readonly seconds: number };
  if (!ok) throw new Error('The rebuild did not come to its end.');
  return {
    replay_events: run.stored,
    replay_seconds: seconds,
    replay_events_per_second: run.stored / seconds,
  };
};

const CONNECTIONS = String(SINGLE_CONNECTIONS);

/** Everything that is measured, in its order: the server is stopped by the last. */
export const steps: readonly Step[] = [
  { name: 'parse', what: () => 'JSON.parse alone', measure: parse },
  { name: 'push', what: () => 'From POST to dashboard, and idle memory', measure: push },
  {
    name: 'batch',
    what: (seconds) => `Batches of ${String(BATCH)} for ${String(seconds)} s, and memory after it`,
    measure: ingest,
  },
  {
    name: 'single',
    what: (seconds) => `Single events over ${CONNECTIONS} connections for ${String(seconds)} s`,
    measure: single,
  },
  { name: 'replay', what: () => 'Rebuilding every projection', measure: replay },
];
