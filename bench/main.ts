import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { table } from '../src/cli/output.js';
import type { Figures, Step } from './step.js';
import { steps, stepsWithPeers } from './steps/all.js';
import { freshData, registerTenant, removeData, startServer } from '../test/support/started-server.js';

const names = steps.map(({ name }) => name);
/** These take a minute each, and are measured where they are asked for. */
const unusual = ['dashboards', 'overload', 'sealing', 'detection', 'rollback', 'pseudonyms'];
const usual = names.filter((name) => !unusual.includes(name));

const help = `npm run bench -- [--seconds N] [--events N] [--only NAME,…] [--peers] [--json FILE]

Measures the compiled server on a fresh data directory, side by side in one run:
batch ingest and its share of bare JSON.parse, the same at a rate, OTLP, single
events, the overview, time from a POST to the Socket.IO message, replay, memory,
what events take on disk, and searching a week of them.
The load comes from this machine too: rates are those of server and load together,
the CPU time of the server alone stands beside them.

  --seconds N   how long each load lasts, 1 to 600 (default 10)
  --events N    how many events are searched, 10,000 to 100 million (default
                1,000,000)
  --only NAMES  some of ${names.join(', ')}
                (default: all but ${unusual.join(', ')})
  --peers       PostgreSQL, InfluxDB and emmett besides, where they are installed
  --json FILE   writes the figures there as well; - writes nothing else to standard output
  --help        this`;

const fail = (message: string): never => {
  console.error(`${message}\n\n${help}`);
  process.exit(2);
};

interface Options {
  readonly seconds: number;
  readonly events: number;
  readonly chosen: readonly Step[];
  readonly json: string | undefined;
}

const readOptions = (): Options | undefined => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      events: { type: 'string', default: '1000000' },
      only: { type: 'string', default: usual.join(',') },
      peers: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const seconds = Number(values.seconds);
  if (!(seconds >= 1 && seconds <= 600)) fail('--seconds is a number from 1 to 600.');
  const events = Number(values.events);
  if (!(Number.isInteger(events) && events >= 10_000 && events <= 100_000_000))
    fail('--events is a number from 10,000 to 100 million.');
  const only = values.only.split(',');
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) fail(`There is no ${unknown} to measure.`);
  const chosen = (values.peers ? stepsWithPeers : steps).filter(
    ({ name }) => only.includes(name) || name === 'peers',
  );
  return { seconds, events, chosen, json: values.json };
};

const measure = async ({ seconds, events, chosen }: Options): Promise<Figures> => {
  const data_directory = await freshData();
  try {
    const server = await startServer(data_directory);
    try {
      const run = { server, tenant: await registerTenant(server.url), seconds, events, stored: 0 };
      let figures: Figures = { cores: cpus().length, load_average_before: loadavg()[0] ?? NaN };
      for (const [index, { what, measure: figuresOf }] of chosen.entries()) {
        console.error(`${String(index + 1)}/${String(chosen.length)} ${what(seconds)} …`);
        figures = { ...figures, ...(await figuresOf(run, figures)) };
      }
      return figures;
    } finally {
      await server.stop();
    }
  } finally {
    await removeData(data_directory);
  }
};

const options = readOptions();
if (!options) console.log(help);
else {
  const figures = await measure(options);
  const json = JSON.stringify(figures, null, 2);
  if (options.json === '-') console.log(json);
  else {
    console.log(
      `\nNode ${process.versions.node}, ${String(cpus().length)} cores shared by server and load, ` +
        `load average before ${(figures['load_average_before'] ?? NaN).toFixed(1)}\n`,
    );
    console.log(table(options.chosen.flatMap(({ rows }) => rows(figures))));
    if (options.json === undefined) console.log(`\n${json}`);
    else await writeFile(options.json, `${json}\n`);
  }
  const refused = Object.entries(figures)
    .filter(([name]) => name.endsWith('_refused'))
    .reduce((sum, [, requests]) => sum + requests, 0);
  if (refused > 0) {
    console.error(`${String(refused)} requests were refused: the rates count them and do not hold.`);
    process.exitCode = 1;
  }
}
