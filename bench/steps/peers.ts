import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { count } from '../../src/cli/output.js';
import { root } from '../../test/support/started-server.js';
import { milliseconds, rate, share, type Figures, type Row, type Step } from '../step.js';
import { BATCH } from './batch.js';

const directory = join(root, 'bench', 'peers');

/** Their clients are no dependency of this project: they are installed here, and when they are asked for. */
const install = (): void => {
  if (existsSync(join(directory, 'node_modules'))) return;
  const { status } = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: directory, stdio: 'inherit' });
  if (status !== 0) throw new Error('The clients of the peers could not be installed.');
};

const measure = async (seconds: number): Promise<Figures> => {
  install();
  const events = join(root, 'dist', 'bench', 'load', 'events.js');
  const args = [join(directory, 'main.mjs'), events, String(seconds), String(BATCH)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error('The peers could not be measured.');
  return JSON.parse(printed) as Figures;
};

/** A peer's rate, and how ours of the same run stands to it. */
const beside = (figures: Figures, what: string, name: string, ours: string): readonly Row[] =>
  name in figures
    ? [[what, rate(figures, name), share(figures, ours, name, 'it').replace('× it', '× as much here')]]
    : [];

/** What else stores such events, in the same run. They keep rows and indexes where a chunk is kept here. */
export const peers: Step = {
  name: 'peers',
  what: (seconds) => `PostgreSQL, InfluxDB and emmett for ${String(seconds)} s each`,
  measure: ({ seconds }) => measure(seconds),
  rows: (figures) => [
    ...beside(
      figures,
      `PostgreSQL, ${count(BATCH)} jsonb rows a transaction`,
      'postgresql_per_second',
      'ingest_per_second',
    ),
    ...beside(figures, 'InfluxDB, /write', 'influxdb_per_second', 'ingest_per_second'),
    ...beside(
      figures,
      `emmett on PostgreSQL, ${count(BATCH)} events a call`,
      'emmett_per_second',
      'ingest_per_second',
    ),
    ...beside(
      figures,
      'emmett, a consumer from the beginning',
      'emmett_consumer_per_second',
      'replay_events_per_second',
    ),
    ...('postgresql_overview_p50_ms' in figures
      ? [
          [
            `PostgreSQL's overview of ${count(figures['postgresql_overview_events'] ?? NaN)} typed rows`,
            milliseconds(figures, 'postgresql_overview_p50_ms'),
            share(figures, 'postgresql_overview_p50_ms', 'overview_p50_ms', 'ours'),
          ] as const,
        ]
      : []),
  ],
};
