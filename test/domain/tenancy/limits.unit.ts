import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { limitsOf, sameLimits, TenantLimits } from '../../../src/domain/tenancy/limits.js';
import type { TenantId, UserId } from '../../../src/domain/ids.js';
import { setLimits, tenantDecider, type TenantEvent } from '../../../src/domain/tenancy/tenant.js';
import { given } from '../../support/given.js';
import { serverLimits } from '../../support/limits.js';

const names = Object.keys(TenantLimits.properties);
const limits = fc.record(
  Object.fromEntries(names.map((name) => [name, fc.integer({ min: 64, max: 2_000 })])),
  {
    requiredKeys: [],
  },
) as fc.Arbitrary<TenantLimits>;

describe('what holds for a tenant', () => {
  it('is what was set for it, and else what the server says', () => {
    fc.assert(
      fc.property(limits, (own) => {
        const holding = limitsOf(own, serverLimits) as Record<string, unknown>;
        for (const [name, value] of Object.entries(own)) expect(holding[name]).toBe(value);
        const followed = ['tenant_requests_per_minute', 'key_events_per_minute'];
        for (const [name, value] of Object.entries(serverLimits))
          if (!(name in own) && !followed.includes(name)) expect(holding[name]).toBe(value);
      }),
      { seed: 1 },
    );
  });

  it('lets each credential have what the tenant has, and the tenant ten times what one has', () => {
    expect(limitsOf({ requests_per_minute: 5, events_per_minute: 8 }, serverLimits)).toMatchObject({
      tenant_requests_per_minute: 50,
      key_events_per_minute: 8,
    });
  });
});

describe('setting limits', () => {
  const registered: TenantEvent = {
    type: 'TenantRegistered',
    data: { tenant_id: 'ten_1' as TenantId, name: 'a', owner_id: 'usr_1' as UserId },
  };

  it('replaces what was set; the same again changes nothing', () => {
    fc.assert(
      fc.property(limits, limits, (before, after) => {
        const events: TenantEvent[] = [registered, { type: 'TenantLimitsSet', data: { limits: before } }];
        const state = events.reduce(tenantDecider.evolve, tenantDecider.initial);
        const decision = setLimits(state, after);
        if (!decision.accepted) throw new Error('refused');
        expect(decision.events).toHaveLength(sameLimits(before, after) ? 0 : 1);

        const set = decision.events.reduce(tenantDecider.evolve, state);
        expect(set.state === 'registered' && sameLimits(set.limits, after)).toBe(true);
      }),
      { seed: 2 },
    );
  });

  it('needs a tenant', () =>
    given(tenantDecider)()
      .when((tenant) => setLimits(tenant, { routes: 10 }))
      .thenRefused('tenant_not_found'));
});
