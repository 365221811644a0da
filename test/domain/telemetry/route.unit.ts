import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { routeOf } from '../../../src/domain/telemetry/route.js';

describe('the route of a path', () => {
  it.each([
    ['/orders/42', '/orders/{id}'],
    ['/orders/42/items/7?page=2#top', '/orders/{id}/items/{id}'],
    ['/users/0190b3c5-d1f8-7c0e-8a4f-3b2a1c0d9e8f/profile', '/users/{id}/profile'],
    ['/commit/9fceb02d0ae598e95dc970b74767f19372d61af8', '/commit/{id}'],
    ['/reports/2015-05-17', '/reports/{date}'],
    ['/keys/ten_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f', '/keys/{token}'],
    ['/reset/dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk', '/reset/{token}'],
    ['/u/ada@example.org', '/u/{email}'],
    ['/images/12345.PNG', '/images/{id}.png'],
    ['/js/main.9f8a7c6d.js', '/js/{token}.js'],
    ['/shop/blue-cotton-shirt-18273', '/shop/{slug}'],
    ['/news/how-we-made-the-log-twice-as-fast', '/news/{slug}'],
    ['/blog/{slug}.html', '/blog/{slug}.html'],
    ['https://example.org/a/7', '/a/{id}'],
    ['/', '/'],
    ['', '/'],
    ['*', '*'],
    ['//a//b/', '/a/b'],
  ])('%s is %s', (path, route) => expect(routeOf(path)).toBe(route));

  it.each([
    '/presentations/logstash-monitorama-2013/images/kibana-search.png',
    '/v2/orders/pending',
    '/blog/geekery/installing-windows-8-consumer-preview.html',
    '/facade/deadbeef',
    '/talks/logstash-monitorama-2013',
    '/users/forgot-password-by-email',
    '/favicon.ico',
  ])('keeps words as they are: %s', (path) => expect(routeOf(path)).toBe(path));

  it('is bounded in length and depth for any path', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.string({ maxLength: 600 }), (path, text) => {
        for (const any of [path, text, path + text.repeat(3)]) {
          const route = routeOf(any);
          expect(route.length).toBeLessThanOrEqual(256);
          expect(route).toMatch(/^[/*]/);
        }
        expect(routeOf('/a'.repeat(500))).toBe(`${'/a'.repeat(16)}/{rest}`);
      }),
      { seed: 1 },
    );
  });

  it('of a route is itself', () => {
    fc.assert(
      fc.property(fc.webPath(), (path) => {
        expect(routeOf(routeOf(path))).toBe(routeOf(path));
      }),
      { seed: 2 },
    );
  });
});
