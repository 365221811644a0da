import { count } from '../src/cli/output.js';
import { BATCH, SINGLE_CONNECTIONS, type Figures } from './steps.js';

type Row = readonly [what: string, value: string, compared: string];

/** The figures that were measured, as people read them. */
export const rowsOf = (figures: Figures): readonly Row[] => {
  const figure = (name: string): number => figures[name] ?? NaN;
  const rate = (name: string): string => `${count(Math.round(figure(name)))}/s`;
  const ms = (name: string): string => `${figure(name).toFixed(1)} ms`;
  const us = (name: string, of: string): string =>
    Number.isFinite(figure(name)) ? `${figure(name).toFixed(2)} µs CPU ${of}` : '';
  const megabytes = (name: string): string => `${count(Math.round(figure(name) / 1e6))} MB`;
  const share = (name: string): string => {
    const percent = (100 * figure(name)) / figure('json_parse_events_per_second');
    return Number.isFinite(percent) ? `${percent.toFixed(0)} % of JSON.parse` : '';
  };
  const spread = (name: string): Row => [
    '  p50 / p99 of a request',
    `${ms(`${name}_p50_ms`)} / ${ms(`${name}_p99_ms`)}`,
    '',
  ];
  const rows: readonly (readonly [needs: string, row: Row])[] = [
    [
      'json_parse_events_per_second',
      ['bare JSON.parse of the same bodies, one core', rate('json_parse_events_per_second'), ''],
    ],
    [
      'ingest_events_per_second',
      [
        `batch ingest, durable, ${count(BATCH)} events a request`,
        rate('ingest_events_per_second'),
        share('ingest_events_per_second'),
      ],
    ],
    ['ingest_events_per_second', spread('ingest')],
    [
      'ingest_cpu_us_per_event',
      ['  server alone, all threads', us('ingest_cpu_us_per_event', 'an event'), ''],
    ],
    [
      'single_per_second',
      [`single events, durable, ${String(SINGLE_CONNECTIONS)} connections`, rate('single_per_second'), ''],
    ],
    ['single_per_second', spread('single')],
    [
      'single_cpu_us_per_request',
      ['  server alone, all threads', us('single_cpu_us_per_request', 'a request'), ''],
    ],
    [
      'push_p50_ms',
      ['POST to Socket.IO message, p50 / p99', `${ms('push_p50_ms')} / ${ms('push_p99_ms')}`, ''],
    ],
    [
      'replay_events_per_second',
      [
        `replay of all projections, ${count(figure('replay_events'))} events`,
        rate('replay_events_per_second'),
        share('replay_events_per_second'),
      ],
    ],
    ['memory_idle_bytes', ['memory of the server, idle', megabytes('memory_idle_bytes'), '']],
    [
      'memory_loaded_bytes',
      ['memory of the server, after the batches', megabytes('memory_loaded_bytes'), ''],
    ],
  ];
  return rows.filter(([needs]) => needs in figures).map(([, row]) => row);
};
