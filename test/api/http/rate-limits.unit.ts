import { beforeEach, describe, expect, it } from '@jest/globals';
import { RateLimits, type Allowance, type Drawer } from '../../../src/api/http/rate-limits.js';
import { serverLimits as config } from '../../support/limits.js';
import { ManualClock } from '../../support/manual-clock.js';

const drawer = (tenant: string, credential: string): Drawer => ({ tenant, credential, address: '192.0.2.1' });

let clock: ManualClock;
let limits: RateLimits;
beforeEach(() => {
  clock = new ManualClock(0);
  limits = new RateLimits(config, clock);
});
const events = (tenant = 'ten_a', key = 'key_a'): Allowance => {
  const allowance = limits.allowance('events', drawer(tenant, key));
  if (!allowance) throw new Error('Events have a budget.');
  return allowance;
};
/** Sends a request with so many events; the seconds to wait where it is refused. */
const send = (count: number, tenant?: string, key?: string): number | undefined => {
  const allowance = events(tenant, key);
  return allowance.draw(1) ?? allowance.draw(count);
};

describe('the budget of events', () => {
  it('is drawn on by event, for the tenant and for the key', () => {
    expect(send(200)).toBeUndefined();
    expect(events().headers()).toMatchObject({
      'RateLimit-Policy': '"key_events";q=300;w=60',
      RateLimit: '"key_events";r=100;t=40',
      'X-RateLimit-Remaining': '100',
    });
    expect(send(290, 'ten_a', 'key_b')).toBeUndefined();
    expect(events('ten_a', 'key_c').headers()).toMatchObject({
      'RateLimit-Policy': '"events";q=600;w=60',
      RateLimit: '"events";r=110;t=49',
    });
  });

  it('lets one batch overdraw it, and says how long nothing more goes', () => {
    expect(send(290)).toBeUndefined();
    expect(send(40)).toBeUndefined();
    expect(send(1)).toBe(7);
    clock.advance(6_000);
    expect(send(1)).toBe(1);
    clock.advance(200);
    expect(send(1)).toBeUndefined();
  });

  it('is overdrawn by one of many requests that came in together', () => {
    const together = Array.from({ length: 5 }, () => events());
    for (const allowance of together) expect(allowance.draw(1)).toBeUndefined();
    expect(together.map((allowance) => allowance.draw(1000) === undefined)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(events().headers()['X-RateLimit-Remaining']).toBe('0');
  });

  it('of one tenant is nothing to another', () => {
    expect(send(1000)).toBeUndefined();
    expect(send(1)).toBeGreaterThan(60);
    expect(send(1, 'ten_b', 'key_z')).toBeUndefined();
  });
});

describe('other budgets', () => {
  it('of requests are those of a credential and of its tenant', () => {
    const ask = (credential: string): number | undefined =>
      limits.allowance('requests', drawer('ten_a', credential))?.draw(1);
    for (let i = 0; i < 60; i += 1) expect(ask('usr_a')).toBeUndefined();
    expect(ask('usr_a')).toBe(1);
    for (let i = 0; i < 30; i += 1) expect(ask('usr_b')).toBeUndefined();
    expect(ask('usr_c')).toBe(1);
  });

  it('of sign-ins are those of an address, whoever tries', () => {
    const ask = (address: string): number | undefined =>
      limits.allowance('sign_in', { tenant: undefined, credential: 'anonymous', address })?.draw(1);
    expect([ask('192.0.2.1'), ask('192.0.2.1'), ask('192.0.2.1'), ask('192.0.2.2')]).toEqual([
      undefined,
      undefined,
      30,
      undefined,
    ]);
  });

  it('of fewer seconds allow shorter bursts', () => {
    limits = new RateLimits({ ...config, burst_seconds: 6 }, clock);
    expect(events().headers()).toMatchObject({
      'RateLimit-Policy': '"key_events";q=30;w=6',
      'X-RateLimit-Limit': '30',
    });
  });

  it('are none where there is nothing to draw on', () => {
    expect(limits.allowance('none', drawer('ten_a', 'key_a'))).toBeUndefined();
  });
});

describe('memory', () => {
  it('is held for those alone whose bucket is not full again', () => {
    for (let i = 0; i < 100_000; i += 1) {
      clock.advance(10);
      limits.allowance('events', drawer(`ten_${i}`, `key_${i}`))?.draw(1);
    }
    // A token of a key comes back within 200 ms: twenty requests' time.
    expect(limits.buckets).toBeLessThan(5_000);
  });
});
