import { expect, it } from '@jest/globals';
import type { JsonObject } from '../../../src/domain/json.js';
import { chunkIndex } from '../../../src/projections/chunk-index/projection.js';
import { overview } from '../../../src/projections/dashboard/overview.js';
import { realTimeMetrics } from '../../../src/projections/dashboard/real-time.js';
import { metrics } from '../../../src/projections/metrics/projection.js';
import { routeBooks } from '../../../src/projections/routes/projection.js';
import { seeded } from '../../../bench/load/events.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { caughtUp, hostOver } from '../../support/projected.js';
import { chunkOf, NOW, tenant, testModels } from '../../support/telemetry.js';

const projections = [metrics, chunkIndex, routeBooks];

it('what is kept of buckets says after each change what making everything anew says', async () => {
  const random = seeded(5);
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const log = new MemoryEventLog();
  const host = await hostOver(log, new MemoryReadStore(), projections);
  try {
    for (let round = 0; round < 25; round += 1) {
      // Time goes on, and what comes is now of this minute and now of one long ago.
      const now = NOW + round * 40_000;
      const chunk = chunkOf(
        Array.from({ length: 1 + Math.floor(random() * 20) }, () => ({
          type: 'api_call',
          service: pick('shop', 'accounts'),
          ...(random() < 0.5
            ? { route: pick('/a', '/b') }
            : { path: `/orders/${Math.floor(random() * 1e6)}` }),
          method: pick('GET', 'POST'),
          status_code: pick(200, 201, 404, 503),
          duration_ms: Math.floor(random() * 1000),
          timestamp: now - Math.floor(random() ** 4 * 70) * 60_000,
        })),
        { received_at: now },
      );
      log.append(tenant, 'telemetry', chunk.type, chunk.data as unknown as JsonObject, chunk.metadata);
      await caughtUp(host, log, projections);
      const anew = testModels(() => log.events);
      expect(await overview(host, tenant, now)).toEqual(await overview(anew, tenant, now));
      for (const window of [900, 12 * 3600])
        expect(await realTimeMetrics(host, tenant, window, now)).toEqual(
          await realTimeMetrics(anew, tenant, window, now),
        );
    }
  } finally {
    await host.stop();
  }
});
