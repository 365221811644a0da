/** Numbers from 0 to 1 in a fixed order, so that the pictures look the same each time. */
const numbers = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

interface Endpoint {
  readonly service: string;
  readonly method: string;
  readonly route: string;
  readonly path: (id: number) => string;
  /** Its share of all requests, in relation to the others'. */
  readonly share: number;
  readonly median_ms: number;
  readonly missing: number;
  readonly failing: number;
}

const endpoint = (
  service: string,
  method: string,
  route: string,
  share: number,
  median_ms: number,
  missing: number,
  failing: number,
): Endpoint => ({
  service,
  method,
  route,
  path: (id) => route.replace('{id}', String(id)),
  share,
  median_ms,
  missing,
  failing,
});

const endpoints: readonly Endpoint[] = [
  endpoint('catalogue', 'GET', '/products', 34, 18, 0, 0.001),
  endpoint('catalogue', 'GET', '/products/{id}', 28, 11, 0.03, 0.001),
  endpoint('catalogue', 'GET', '/search', 14, 74, 0.004, 0.006),
  endpoint('checkout', 'POST', '/carts/{id}/items', 10, 26, 0.01, 0.003),
  endpoint('checkout', 'POST', '/orders', 5, 140, 0.02, 0.012),
  endpoint('payments', 'POST', '/payments', 4, 310, 0.015, 0.02),
  endpoint('accounts', 'POST', '/sessions', 6, 95, 0.06, 0.001),
  endpoint('accounts', 'GET', '/accounts/{id}', 9, 14, 0.005, 0.001),
];

const MINUTES = 60;
const TROUBLE_MINUTES = 4;

/**
 * An hour of a shop's requests up to a moment: a wave of traffic over four services, the payments of which begin to
 * fail and drag a few minutes before its end. In order of time.
 */
export const hourOfTraffic = (end: number): readonly object[] => {
  const random = numbers(7);
  const shares = endpoints.reduce((sum, { share }) => sum + share, 0);
  const pick = (): Endpoint => {
    let left = random() * shares;
    return (
      endpoints.find(({ share }) => (left -= share) < 0) ?? endpoint('catalogue', 'GET', '/', 1, 5, 0, 0)
    );
  };
  return Array.from({ length: MINUTES }, (_, minute) => {
    const start = end - (MINUTES - minute) * 60_000;
    const count = Math.round(110 + 45 * Math.sin(minute / 8) + 25 * random());
    return Array.from({ length: count }, (_, index) => {
      const { service, method, route, path, median_ms, missing, failing } = pick();
      const isTrouble = service === 'payments' && minute >= MINUTES - TROUBLE_MINUTES;
      const chance = random();
      const fails = chance < (isTrouble ? 0.7 : failing);
      // The product of two even numbers has the long tail that response times have.
      const duration_ms = (median_ms * (isTrouble ? 4 : 1) * (0.35 + random())) / (0.25 + random());
      return {
        type: 'api_call',
        timestamp: new Date(start + Math.floor((index / count) * 60_000)).toISOString(),
        service,
        environment: 'production',
        method,
        route,
        path: path(1000 + Math.floor(random() * 9000)),
        status_code: fails ? 502 : chance > 1 - missing ? 404 : method === 'POST' ? 201 : 200,
        duration_ms: Math.round(duration_ms * 10) / 10,
      };
    });
  }).flat();
};
