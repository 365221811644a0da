import {
  freshData,
  registerTenant,
  removeData,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../../test/support/started-server.js';
import type { Figures, Step } from '../step.js';
import { batch } from './batch.js';

/** Every second is five times as often as by default: what is measured is the most that it costs. */
const EVERY_SECOND = { PULSESTREAM_CHECKPOINT_SECONDS: '1', PULSESTREAM_SEALING: 'false' };
const NEVER = { PULSESTREAM_CHECKPOINT_SECONDS: '0', PULSESTREAM_SEALING: 'false' };
/** Each server in turn, so that what else the machine does hits both. */
const ROUNDS = 9;

interface Contender {
  readonly server: StartedServer;
  readonly tenant: RegisteredTenant;
  readonly cpu_us: number[];
}

const start = async (environment: Readonly<Record<string, string>>): Promise<Contender> => {
  const server = await startServer(await freshData(environment), environment);
  return { server, tenant: await registerTenant(server.url), cpu_us: [] };
};

const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;

const percent = (figures: Figures, which: string): string =>
  `${(100 * (figures[`sealing_cost_share${which}`] ?? NaN)).toFixed(1)} %`;

/** What signed checkpoints over everything cost those who send: two servers by turns, one of which signs. */
export const sealing: Step = {
  name: 'sealing',
  what: (seconds) =>
    `Batches with and without signed checkpoints, by turns, ${String(2 * ROUNDS)} × ${String(seconds)} s`,
  measure: async ({ seconds, events }, before): Promise<Figures> => {
    const contenders = { with: await start(EVERY_SECOND), without: await start(NEVER) };
    const all = Object.values(contenders);
    try {
      for (let round = 0; round <= ROUNDS; round += 1)
        for (const { server, tenant, cpu_us } of round % 2 ? all : all.toReversed()) {
          const figures = await batch.measure({ server, tenant, seconds, events, stored: 0 }, before);
          // In the first round code is compiled.
          if (round > 0) cpu_us.push(figures['ingest_cpu_us'] ?? NaN);
        }
    } finally {
      for (const { server } of all) {
        await server.stop();
        await removeData(server.data_directory);
      }
    }
    const { with: sealed, without: plain } = contenders;
    // Of neighbouring runs, so that what changes over minutes counts on neither side.
    const ratios = sealed.cpu_us.map((value, round) => value / (plain.cpu_us[round] ?? NaN));
    return {
      sealing_cpu_us: median(sealed.cpu_us),
      no_sealing_cpu_us: median(plain.cpu_us),
      sealing_cost_share: median(ratios) - 1,
      sealing_cost_share_least: Math.min(...ratios) - 1,
      sealing_cost_share_most: Math.max(...ratios) - 1,
    };
  },
  rows: (figures) => [
    [
      'ingest with a signed checkpoint each second, CPU an event',
      `${(figures['sealing_cpu_us'] ?? NaN).toFixed(3)} µs`,
      `${percent(figures, '')} more than without (${percent(figures, '_least')} to ${percent(figures, '_most')})`,
    ],
  ],
};
