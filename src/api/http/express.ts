import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { ApiConfig } from '../dependencies.js';
import type { NodeReplies } from './node-replies.js';
import { clientAddress } from './origins.js';
import { problem, problemResponse, type Problem } from './problem.js';
import type { Route } from './route.js';
import type { Wire } from './wire.js';

/** The page is built by Vite and comes from here alone: no inline script, nothing from elsewhere. */
const security = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'"],
      connectSrc: ["'self'", 'ws:', 'wss:'],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  // Plain HTTP on a private network is a supported way to run; over TLS only this very host is bound to it.
  strictTransportSecurity: { maxAge: 15_552_000, includeSubDomains: false },
});

const NO_PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>PulseStream</title>
<p>PulseStream is running. Its dashboard page is not built here: <code>npm run build</code> makes it.</p>
<p>The API is described at <a href="/openapi.json">/openapi.json</a>.</p></html>`;

/** `/rules/{rule_id}` as Express writes it. */
const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

const statusOf = (error: unknown): number => {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
};

const byPath = (routes: readonly Route[]): ReadonlyMap<string, ReadonlyMap<string, Route>> => {
  const paths = new Map<string, Map<string, Route>>();
  for (const route of routes) {
    const methods = paths.get(route.path) ?? new Map<string, Route>();
    paths.set(route.path, methods.set(route.method, route));
  }
  return paths;
};

/** Everything but the hot routes: the route table, the page, and problems for the rest. The only file that knows Express. */
export const expressApp = (
  routes: readonly Route[],
  wire: Wire,
  replies: NodeReplies,
  config: Pick<ApiConfig, 'web_root' | 'trust_proxy'>,
  onError: (error: unknown, request_id: string) => void,
): Express => {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  app.use(security);

  const answer = (
    reason: Problem,
    request: Parameters<RequestHandler>[0],
    response: Parameters<RequestHandler>[1],
  ): void => {
    const request_id = wire.requestId(request.headers);
    const instance = request.path;
    wire.send(problemResponse(reason, { request_id, instance }), request_id, replies.to(request, response));
  };

  for (const [path, methods] of byPath(routes)) {
    const allow = [...methods.keys()].join(', ');
    app.all(expressPath(path), (request, response) => {
      const route = methods.get(request.method === 'HEAD' ? 'GET' : request.method);
      if (!route) {
        answer(
          problem(405, 'method_not_allowed', `Here: ${allow}.`, { headers: { Allow: allow } }),
          request,
          response,
        );
        return;
      }
      const params = request.params as Record<string, string>;
      const ip = clientAddress(request, config.trust_proxy);
      const { headers, originalUrl: url } = request;
      void wire.serve(route, { headers, body: request, url, params, ip }, replies.to(request, response));
    });
  }

  if (config.web_root !== undefined)
    app.use(
      express.static(config.web_root, {
        redirect: false,
        setHeaders: (response, file) => {
          // Vite puts a hash of the content into the names of assets: those never change.
          const fixed = /[\\/]assets[\\/]/.test(file);
          response.setHeader('Cache-Control', fixed ? 'public, max-age=31536000, immutable' : 'no-cache');
        },
      }),
    );
  app.get('/', (_request, response) => {
    response.status(200).type('html').send(NO_PAGE);
  });
  app.use((request, response) => {
    answer(problem(404, 'not_found', 'There is no such route.'), request, response);
  });

  const onFailure: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    const status = statusOf(error);
    if (status === 500) onError(error, wire.requestId(request.headers));
    if (response.headersSent) response.destroy();
    else if (status === 500)
      answer(problem(500, 'internal_error', 'Something went wrong here.'), request, response);
    else answer(problem(status, 'bad_request', 'The request is not well formed.'), request, response);
  };
  app.use(onFailure);
  return app;
};
