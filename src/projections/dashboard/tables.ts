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
  const names = new Map<string, Pick<RouteRow, 'service' | 'method' | 'route'>>();
  const by_route = summarise(
    sums,
    ({ service, method, route }) => {
      const key = `${service}\n${method}\n${route}`;
      if (!names.has(key)) names.set(key, { service, method, route });
      return key;
    },
    (summary, one) => summary.add(one),
  );
  const routes = [...by_route].map(([key, summary]) => {
    const name = names.get(key) ?? { service: '', method: '', route: '' };
    return { name, summary };
  });
  const by_service = summarise(
    routes,
    ({ name }) => name.service,
    (service, { summary }) => service.join(summary),
  );
  const total = new Summary();
  for (const service of by_service.values()) total.join(service);
  return {
    totals: { ...total.volume(), ...total.latency(), per_second: total.requests / seconds },
    services: [...by_service].map(([service, summary]) => ({ service, ...rowOf(summary) })).sort(busiest),
    routes: routes.map(({ name, summary }) => ({ ...name, ...rowOf(summary) })).sort(busiest),
  };
};

const rowOf = (summary: Summary): Omit<ServiceRow, 'service'> => {
  const { requests, errors, error_rate } = summary.volume();
  return { requests, errors, error_rate, p95_ms: summary.latency().p95_ms };
};

const busiest = (one: { readonly requests: number }, other: { readonly requests: number }): number =>
  other.requests - one.requests;
