const routes = [
  '/orders/{id}',
  '/orders',
  '/users/{id}',
  '/cart',
  '/search',
  '/checkout',
  '/login',
  '/health',
];
const services = ['checkout', 'accounts', 'catalogue'];
const statuses = [200, 200, 200, 200, 200, 200, 201, 204, 304, 400, 404, 500];

/** A small generator with a seed (a linear congruence, Numerical Recipes' constants): runs are comparable. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

/** One API call as a client would report it, about 235 bytes. */
const apiCall = (random: () => number): object => {
  const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
  const hex = (length: number): string =>
    Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
  return {
    type: 'api_call',
    service: pick(services),
    environment: 'production',
    method: random() < 0.8 ? 'GET' : 'POST',
    route: pick(routes),
    status_code: pick(statuses),
    duration_ms: Math.round(Math.exp(random() * 6) * 100) / 100,
    response_bytes: Math.floor(random() * 4096),
    user_id: `u${Math.floor(random() * 5000)}`,
    trace_id: hex(32),
  };
};

/** Batches as JSON arrays, each different. */
export const batches = (count: number, size: number): readonly Buffer[] => {
  const random = seeded(42);
  return Array.from({ length: count }, () =>
    Buffer.from(JSON.stringify(Array.from({ length: size }, () => apiCall(random)))),
  );
};

/** A batch for each of the last minutes up to a time in epoch milliseconds, the newest first. */
export const minutes = (count: number, size: number, until: number): readonly Buffer[] => {
  const random = seeded(11);
  return Array.from({ length: count }, (_, minute) =>
    Buffer.from(
      JSON.stringify(
        Array.from({ length: size }, () => ({
          ...apiCall(random),
          timestamp: until - Math.floor((minute + random()) * 60_000),
        })),
      ),
    ),
  );
};

/** Single events, each different. */
export const singles = (count: number): readonly Buffer[] => {
  const random = seeded(7);
  return Array.from({ length: count }, () => Buffer.from(JSON.stringify(apiCall(random))));
};
