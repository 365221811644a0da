import { summarise, Summary } from '../metrics/summary.js';
import type { RouteSum } from './digest.js';
import type { RouteRow, ServiceRow, Totals } from './shapes.js';

/** What routes come to, by route, by service and as a whole; the busiest first. */
export interface Tables {
  readonly totals: Totals;
  readonly services: readonly ServiceRow[];
  readonly routes: readonly RouteRow[];
}

/** Looks at each sum once: services are made of their routes, and all of the services. */
export const tablesOf = (sums: readonly RouteSum[], seconds: number): Tables => {
  const by_route = summarise(
    sums,
    ({ service, method, route }) => `${service}\n${method}\n${route}`,
    (summary, one) => summary.add(one),
  );
  const by_service = summarise(
    by_route,
    ({ first }) => first.service,
    (service, { summary }) => service.join(summary),
  );
  const total = new Summary();
  for (const { summary } of by_service) total.join(summary);
  const routes = by_route.map(({ first: { service, method, route }, summary }) => ({
    ...{ service, method, route },
    ...rowOf(summary),
  }));
  return {
    totals: { ...total.volume(), ...total.latency(), per_second: total.requests / seconds },
    services: by_service
      .map(({ first: { first }, summary }) => ({ service: first.service, ...rowOf(summary) }))
      .sort(busiest),
    routes: routes.sort(busiest),
  };
};

const rowOf = (summary: Summary): Omit<ServiceRow, 'service'> => {
  const { requests, errors, error_rate } = summary.volume();
  return { requests, errors, error_rate, p95_ms: summary.latency().p95_ms };
};

const busiest = (one: { readonly requests: number }, other: { readonly requests: number }): number =>
  other.requests - one.requests;
