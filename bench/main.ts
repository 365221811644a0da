import { cpus } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { count, table } from '../src/cli/output.js';
import { batches, singles } from './events.js';
import { closedLoop } from './load.js';
import { pushLatency } from './push.js';
import {
  freshData,
  registerTenant,
  removeData,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../test/support/started-server.js';

const help = `npm run bench -- [--seconds N] [--json FILE]

Measures a compiled server on a fresh data directory, side by side in one run:
batch ingest and its share of bare JSON.parse, single events over 64 connections,
time from a POST to the Socket.IO message, replay of all projections, memory.
The load comes from this machine too, so figures are for server and load together.

  --seconds N   how long each load lasts (default 10)
  --json FILE   writes the figures there as well
  --help        this`;

interface Figure {
  readonly what: string;
  readonly value: string;
  readonly compared: string;
}

const BATCH = 1000;

/** Events a second that JSON.parse alone makes of the bodies, on one core. */
const bareParse = (bodies: readonly Buffer[]): number => {
  const started = performance.now();
  let events = 0;
  while (performance.now() - started < 2000)
    for (const body of bodies) events += (JSON.parse(body.toString()) as unknown[]).length;
  return events / ((performance.now() - started) / 1000);
};

const measure = async (
  server: StartedServer,
  tenant: RegisteredTenant,
  seconds: number,
): Promise<Record<string, number>> => {
  const bodies = batches(64, BATCH);
  const headers = { 'content-type': 'application/json', 'x-api-key': tenant.api_key };
  const idle_memory = await server.memory();

  console.error('JSON.parse alone …');
  const parse = bareParse(bodies);

  console.error('From POST to dashboard …');
  const push = await pushLatency(server.url, tenant, singles(1)[0] ?? Buffer.alloc(0), 100);

  console.error(`Batches of ${BATCH} for ${seconds} s …`);
  const ingest = await closedLoop({
    url: `${server.url}/api/v1/ingestion/events/batch`,
    headers,
    bodies,
    connections: 4,
    seconds,
    wanted_status: 200,
  });
  const loaded_memory = await server.memory();

  console.error(`Single events over 64 connections for ${seconds} s …`);
  const single = await closedLoop({
    url: `${server.url}/api/v1/ingestion/events`,
    headers,
    bodies: singles(1000),
    connections: 64,
    seconds,
    wanted_status: 201,
  });

  await server.stop();
  console.error('Rebuilding every projection …');
  const replay = (await runCliJson(server.data_directory, ['projections', 'rebuild', '--all'])) as {
    telemetry_events: number;
    seconds: number;
  };

  return {
    json_parse_events_per_second: parse,
    ingest_events_per_second: (ingest.requests * BATCH) / ingest.seconds,
    ingest_p50_ms: ingest.p50_ms,
    ingest_p99_ms: ingest.p99_ms,
    ingest_refused: ingest.refused,
    single_per_second: single.requests / single.seconds,
    single_p50_ms: single.p50_ms,
    single_p99_ms: single.p99_ms,
    single_refused: single.refused,
    push_p50_ms: push.p50_ms,
    push_p99_ms: push.p99_ms,
    replay_events: replay.telemetry_events,
    replay_events_per_second: replay.telemetry_events / replay.seconds,
    memory_idle_bytes: idle_memory,
    memory_loaded_bytes: loaded_memory,
  };
};

const shown = (figures: Record<string, number>): readonly Figure[] => {
  const figure = (name: string): number => figures[name] ?? NaN;
  const rate = (name: string): string => `${count(Math.round(figure(name)))}/s`;
  const ms = (name: string): string => `${figure(name).toFixed(1)} ms`;
  const share = (name: string): string =>
    `${Math.round((100 * figure(name)) / figure('json_parse_events_per_second'))} % of JSON.parse`;
  const megabytes = (name: string): string => `${count(Math.round(figure(name) / 1e6))} MB`;
  return [
    {
      what: 'bare JSON.parse of the same bodies, one core',
      value: rate('json_parse_events_per_second'),
      compared: '',
    },
    {
      what: `batch ingest, durable, ${BATCH} events a request, 4 connections`,
      value: rate('ingest_events_per_second'),
      compared: share('ingest_events_per_second'),
    },
    { what: '  p50 / p99', value: `${ms('ingest_p50_ms')} / ${ms('ingest_p99_ms')}`, compared: '' },
    { what: 'single events, durable, 64 connections', value: rate('single_per_second'), compared: '' },
    { what: '  p50 / p99', value: `${ms('single_p50_ms')} / ${ms('single_p99_ms')}`, compared: '' },
    {
      what: 'POST to Socket.IO message, p50 / p99',
      value: `${ms('push_p50_ms')} / ${ms('push_p99_ms')}`,
      compared: '',
    },
    {
      what: 'replay of all projections',
      value: rate('replay_events_per_second'),
      compared: share('replay_events_per_second'),
    },
    {
      what: 'memory of the server, idle / after the load',
      value: `${megabytes('memory_idle_bytes')} / ${megabytes('memory_loaded_bytes')}`,
      compared: '',
    },
  ];
};

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
} else {
  const data_directory = await freshData();
  const server = await startServer(data_directory);
  try {
    const figures = await measure(server, await registerTenant(server.url), Number(values.seconds));
    console.log(
      `\nNode ${process.versions.node}, ${cpus().length} cores, server and load on the same machine\n`,
    );
    console.log(table(shown(figures).map(({ what, value, compared }) => [what, value, compared])));
    if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
    else console.log(`\n${JSON.stringify(figures)}`);
    if ((figures['ingest_refused'] ?? 0) + (figures['single_refused'] ?? 0) > 0) {
      console.error('Some requests were refused: the rates above count them and do not hold.');
      process.exitCode = 1;
    }
  } finally {
    await server.stop();
    await removeData(data_directory);
  }
}
