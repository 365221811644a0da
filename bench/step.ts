import { count } from '../src/cli/output.js';
import type { RegisteredTenant, StartedServer } from '../test/support/started-server.js';

/** What the steps of a run share. */
export interface Run {
  readonly server: StartedServer;
  readonly tenant: RegisteredTenant;
  /** How long each load lasts. */
  readonly seconds: number;
  /** How many events the history has that is searched. */
  readonly events: number;
  /** Telemetry events that the server has accepted. */
  stored: number;
}

/** What was measured, each under a name that stays. A name that ends in `_refused` counts requests that failed. */
export type Figures = Readonly<Record<string, number>>;

/** A figure as people read it, with what it is a share of. */
export type Row = readonly [what: string, value: string, compared: string];

/** One thing that is measured. */
export interface Step {
  readonly name: string;
  /** Shown while it is measured. */
  readonly what: (seconds: number) => string;
  readonly measure: (run: Run, before: Figures) => Promise<Figures>;
  /** What it found, as people read it; `figures` has those of the steps before, too. */
  readonly rows: (figures: Figures) => readonly Row[];
}

const figure = (figures: Figures, name: string): number => figures[name] ?? NaN;

export const rate = (figures: Figures, name: string): string =>
  `${count(Math.round(figure(figures, name)))}/s`;

export const milliseconds = (figures: Figures, name: string): string =>
  `${figure(figures, name).toFixed(1)} ms`;

export const megabytes = (figures: Figures, name: string): string =>
  `${count(Math.round(figure(figures, name) / 1e6))} MB`;

/** The row for the times of a load's requests. */
export const spread = (figures: Figures, name: string): Row => [
  '  p50 / p99 of a request',
  `${milliseconds(figures, `${name}_p50_ms`)} / ${milliseconds(figures, `${name}_p99_ms`)}`,
  '',
];

/** The row for the CPU that the server's process took; none where the system does not say. */
export const cpu = (figures: Figures, name: string, of: string): readonly Row[] =>
  Number.isFinite(figure(figures, name))
    ? [['  server alone, all threads', `${figure(figures, name).toFixed(2)} µs CPU ${of}`, '']]
    : [];

/** How a figure stands to another of the same run, where that was measured. */
export const share = (figures: Figures, name: string, of: string, called: string): string => {
  const ratio = figure(figures, name) / figure(figures, of);
  if (!Number.isFinite(ratio)) return '';
  return ratio < 2 ? `${(100 * ratio).toFixed(0)} % of ${called}` : `${ratio.toFixed(1)} × ${called}`;
};
