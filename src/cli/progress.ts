import { Presets, SingleBar } from 'cli-progress';
import { count } from './output.js';

/** Shows how far a long piece of work has got. */
export interface Progress {
  update(done: number, total?: number): void;
  stop(): void;
}

const silent: Progress = { update: () => undefined, stop: () => undefined };

/**
 * A bar with rate and time left on a terminal; elsewhere, and where nobody knows how much there is, a line every five
 * seconds; nothing where output is for programs. Written to standard error, so that standard output holds the result
 * alone.
 */
export const showProgress = (
  what: string,
  unit: string,
  total: number | undefined,
  json: boolean,
): Progress => {
  if (json) return silent;
  return process.stderr.isTTY && total !== undefined ? bar(what, unit, total) : lines(what, unit, total);
};

const bar = (what: string, unit: string, total: number): Progress => {
  const started = performance.now();
  const shown = new SingleBar(
    {
      format: `${what} {bar} {percentage} % | {done} of {all} ${unit} | {rate}/s | {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
  shown.start(total, 0, { rate: '–', done: '0', all: count(total) });
  return {
    update: (done, all = total) => {
      const rate = count(Math.round(done / Math.max((performance.now() - started) / 1000, 0.001)));
      shown.setTotal(all);
      shown.update(done, { rate, done: count(done), all: count(all) });
    },
    stop: () => {
      shown.stop();
    },
  };
};

const lines = (what: string, unit: string, total: number | undefined): Progress => {
  const started = performance.now();
  let shown = started;
  return {
    update: (done, all = total) => {
      const now = performance.now();
      if (now - shown < 5000) return;
      shown = now;
      const rate = done / ((now - started) / 1000);
      const left = all !== undefined && rate > 0 ? `, ${count(Math.round((all - done) / rate))} s left` : '';
      console.error(
        `${what}: ${count(done)}${all === undefined ? '' : ` of ${count(all)}`} ${unit}, ${count(Math.round(rate))}/s${left}`,
      );
    },
    stop: () => undefined,
  };
};
