import { systemClock } from '../platform/clock.js';
import { makeLogger } from '../platform/logger.js';
import { makeMetrics } from '../platform/metrics.js';
import { systemRandom } from '../platform/random.js';
import { tokens as t, type Bind, type Given } from './tokens.js';

/** What every part may need. */
export const bindCommon = (bind: Bind, { config, release }: Given): void => {
  bind(t.clock, () => systemClock);
  bind(t.random, () => systemRandom);
  bind(t.metrics, () => makeMetrics());
  bind(t.instance, () => ({ instance_id: config.PULSESTREAM_INSTANCE_ID, release }));
  bind(t.logger, (get) => makeLogger(config.LOG_LEVEL, get(t.instance)));
};
