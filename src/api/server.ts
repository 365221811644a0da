import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Gauge, type Registry } from 'prom-client';
import type { ApiDependencies, ApiServices } from './dependencies.js';
import { Dispatcher } from './http/dispatch.js';
import { expressApp } from './http/express.js';
import { Intake } from './http/intake.js';
import { NodeReplies } from './http/node-replies.js';
import { clientAddress, cors } from './http/origins.js';
import { PlainRequests } from './http/plain-requests.js';
import { RateLimits } from './http/rate-limits.js';
import { hotRoutes, routes } from './http/routes.js';
import { Wire } from './http/wire.js';
import { Realtime } from './realtime/realtime.js';
import { Tickets } from './realtime/tickets.js';
import { topics } from './realtime/topics.js';

/** Above the idle time of usual clients and load balancers, so that the other side ends a kept connection. */
const KEEP_ALIVE_MS = 75_000;
const REQUEST_TIMEOUT_MS = 60_000;

/** The HTTP API, Socket.IO and the page, on one port. */
export class ApiServer {
  readonly http: HttpServer;
  readonly #wire: Wire;
  readonly #plain: PlainRequests;
  readonly #realtime: Realtime;

  constructor(dependencies: ApiDependencies) {
    const tickets = new Tickets(dependencies.clock, dependencies.random);
    const services: ApiServices = {
      ...dependencies,
      tickets,
      connections: (tenant) => this.#realtime.stats(tenant),
    };
    const { config, logger, clock } = dependencies;
    const limits = new RateLimits(config.limits, clock);
    const intake = new Intake(clock, { memory_bytes: config.ingest_memory_bytes });
    this.#wire = new Wire(services, new Dispatcher(services, limits, intake));
    const replies = new NodeReplies();
    const app = expressApp(routes, this.#wire, replies, config, (error, request_id) =>
      logger.error({ err: error, request_id }, 'request failed'),
    );
    const wire = this.#wire;
    const times = { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS };
    this.http = createHttpServer(times, (request, response) => {
      if (cors(request, response, config.cors_origins)) return;
      const url = request.url ?? '/';
      const hot =
        request.method === 'POST'
          ? (hotRoutes.get(url) ?? hotRoutes.get(url.split('?', 1)[0] ?? ''))
          : undefined;
      if (hot) {
        const ip = clientAddress(request, config.trust_proxy);
        const incoming = { headers: request.headers, body: request, url, params: {}, ip };
        void wire.serve(hot, incoming, replies.to(request, response));
      } else app(request, response);
    });
    this.#plain = new PlainRequests(this.http, wire, clock, {
      routes: hotRoutes,
      trust_proxy: config.trust_proxy,
    });
    this.#realtime = new Realtime(this.http, services, topics);
    watchSockets(this.#realtime, dependencies.metrics.registry);
    watchIntake(intake, dependencies.metrics.registry);
  }

  /** Starts answering; port 0 takes a free one. */
  listen(port: number, host: string): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, host, () => {
        this.http.off('error', reject);
        resolve(this.http.address() as AddressInfo);
      });
    });
  }

  /** Takes no more connections, finishes the requests under way within the time, closes the sockets. */
  async close(grace_ms = 10_000): Promise<void> {
    this.#wire.close();
    this.#realtime.close();
    if (!this.http.listening) return;
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    this.http.closeIdleConnections();
    this.#plain.closeIdleConnections();
    const timer = setTimeout(() => {
      this.http.closeAllConnections();
      this.#plain.closeAllConnections();
    }, grace_ms);
    await closed;
    clearTimeout(timer);
  }
}

/** A gauge that reads its value when it is asked for. */
const gauge = (registry: Registry, name: string, help: string, read: () => number): Gauge =>
  new Gauge({
    name: `pulsestream_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });

/** Shows Prometheus how much telemetry is on its way in. */
const watchIntake = (intake: Intake, registry: Registry): void => {
  gauge(
    registry,
    'intake_bytes',
    'Bytes of telemetry in memory, from their arrival to their answer.',
    () => intake.held_bytes,
  );
  gauge(
    registry,
    'intake_waiting',
    'Requests with telemetry that wait for their turn.',
    () => intake.waiting,
  );
};

/** Shows Prometheus how the sockets are. */
const watchSockets = (realtime: Realtime, registry: Registry): void => {
  gauge(registry, 'sockets', 'Dashboards connected.', () => realtime.totals.connections);
  gauge(registry, 'sockets_sent', 'Messages sent to dashboards since the start.', () => realtime.totals.sent);
  gauge(
    registry,
    'sockets_skipped',
    'Messages that slow dashboards were spared since the start.',
    () => realtime.totals.skipped,
  );
  gauge(
    registry,
    'sockets_backlog_bytes',
    'Bytes that wait for the slowest dashboard.',
    () => realtime.totals.backlog_bytes,
  );
};
