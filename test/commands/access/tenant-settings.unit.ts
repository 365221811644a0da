import { describe, expect, it } from '@jest/globals';
import { TenantSettings } from '../../../src/commands/access/tenant-settings.js';
import { setTenantLimits } from '../../../src/commands/set-tenant-limits.js';
import { operatorPrincipal } from '../../../src/domain/tenancy/access.js';
import { EventStoreUnavailable } from '../../../src/eventstore/event-store.js';
import { commandBench, registered, requestOf, valueOf } from '../../support/command-bench.js';
import { serverLimits } from '../../support/limits.js';

const setLimits = (bench: ReturnType<typeof commandBench>, tenant_id: string, limits: object) =>
  bench.pipeline.execute(setTenantLimits, { tenant_id, limits }, requestOf(operatorPrincipal));

describe('a tenant’s settings', () => {
  it('hold at once in the process that sets them, and within a second in another', async () => {
    const bench = commandBench();
    const { id } = (await registered(bench)).tenant;
    const other = new TenantSettings(bench.log, bench.clock, serverLimits);
    expect((await bench.settings.of(id)).own_limits).toEqual({});
    expect((await other.of(id)).own_limits).toEqual({});
    const own = { events_per_minute: 7 };
    valueOf(await setLimits(bench, id, own));
    expect(await bench.settings.of(id)).toMatchObject({
      own_limits: own,
      limits: { events_per_minute: 7, key_events_per_minute: 7, requests_per_minute: 60 },
      version: 2,
    });
    expect((await other.of(id)).own_limits).toEqual({});
    bench.clock.time += 1_000;
    expect((await other.of(id)).own_limits).toEqual(own);
  });

  it('are recorded as the operator’s act on the tenant, and not where nothing changes', async () => {
    const bench = commandBench();
    const { id } = (await registered(bench)).tenant;
    valueOf(await setLimits(bench, id, { routes: 20 }));
    const { length } = bench.log.events;
    expect(bench.log.events.at(-1)).toMatchObject({
      type: 'TenantLimitsSet',
      stream: `tenant-${id}`,
      data: { limits: { routes: 20 } },
      metadata: { tenant_id: id, actor: { kind: 'operator' } },
    });
    valueOf(await setLimits(bench, id, { routes: 20 }));
    expect(bench.log.events).toHaveLength(length);
  });

  it('are asked for again where the log could not be read', async () => {
    const bench = commandBench();
    const { id } = (await registered(bench)).tenant;
    let away = true;
    const log = {
      readStream: (...asked: Parameters<typeof bench.log.readStream>) => {
        if (away) throw new EventStoreUnavailable('unreachable', 'away');
        return bench.log.readStream(...asked);
      },
    };
    const settings = new TenantSettings(log, bench.clock, serverLimits);
    await expect(settings.of(id)).rejects.toThrow(EventStoreUnavailable);
    away = false;
    expect((await settings.of(id)).version).toBe(1);
  });
});
