import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fc from 'fast-check';
import {
  expressMiddleware,
  fastifyPlugin,
  instrumentHttp,
  type Client,
  type ExpressRequest,
  type FastifyRequest,
  type TelemetryEvent,
} from '../../../packages/client/src/index.js';
import { expressRoute } from '../../../packages/client/src/middleware/express.js';
import { pathOf } from '../../../packages/client/src/path.js';

const fail = (): never => {
  throw new Error('hostile');
};

/** A client that keeps what it is given. */
const collector = (): Client & { readonly events: TelemetryEvent[] } => {
  const events: TelemetryEvent[] = [];
  return {
    events,
    record: (event) => void events.push(event),
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
    stats: fail,
    monotonic: () => 0,
  };
};

const requestOf = (fields: object): ExpressRequest =>
  Object.assign(new EventEmitter(), {
    headers: {},
    method: 'GET',
    url: '/',
    ...fields,
  }) as unknown as ExpressRequest;

const responseOf = (fields: object = {}): ServerResponse =>
  Object.assign(new EventEmitter(), {
    statusCode: 200,
    headersSent: true,
    writableFinished: true,
    getHeader: () => undefined,
    ...fields,
  }) as unknown as ServerResponse;

describe('the route of an Express request', () => {
  const route = (originalUrl: string, path: unknown, more: object = {}): string | undefined =>
    expressRoute(requestOf({ originalUrl, route: { path }, ...more }));

  it('is its pattern below the place where its router is mounted', () => {
    expect(route('/orders/42?x=1', '/orders/:id')).toBe('/orders/:id');
    expect(route('/api/v1/orders/42', '/orders/:id', { baseUrl: '/api/v1' })).toBe('/api/v1/orders/:id');
    expect(route('/', '/')).toBe('/');
    expect(route('/orders/', '/', { baseUrl: '/orders' })).toBe('/orders');
    expect(route('/files/a/b/c', '/*path', { baseUrl: '/files' })).toBe('/files/*path');
  });

  it('is the same in an error handler of the application, which no longer sees the mount point', () => {
    expect(route('/api/v1/orders/42', '/orders/:id', { baseUrl: '' })).toBe('/api/v1/orders/:id');
  });

  it('never holds what names one thing: a mounted parameter gets its name, else there is no route', () => {
    const path = '/orders';
    expect(route('/users/ada/orders', path, { baseUrl: '/users/ada', params: { user: 'ada' } })).toBe(
      '/users/:user/orders',
    );
    expect(route('/users/4711/orders', path, { baseUrl: '/users/4711', params: {} })).toBeUndefined();
  });

  it('is none for patterns that are no text, and where nothing matched', () => {
    expect(route('/a', /a/)).toBeUndefined();
    expect(route('/a', ['/a', '/b'])).toBeUndefined();
    expect(expressRoute(requestOf({ originalUrl: '/a' }))).toBeUndefined();
  });
});

describe('a path', () => {
  it.each([
    ['/a/b?c=d#e', '/a/b'],
    ['http://proxy.example.com/a?b', '/a'],
    ['http://proxy.example.com', '/'],
    ['?x', '/'],
    ['*', '*'],
    ['//evil', '//evil'],
  ])('is without query and origin: %s', (url, path) => expect(pathOf(url)).toBe(path));
});

describe('a request', () => {
  it('is recorded once, when its answer is out, with nothing of its headers but trace and length', () => {
    const client = collector();
    const request = requestOf({
      method: 'POST',
      originalUrl: '/orders?token=t',
      headers: {
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        'content-length': '12',
        'user-agent': 'curl',
        authorization: 'Bearer secret',
        cookie: 'a=b',
      },
    });
    const response = responseOf({
      statusCode: 201,
      getHeader: (name: string) => (name === 'content-length' ? '34' : undefined),
    });
    expressMiddleware(client, { consumer: () => 'acme' })(request, response, () => undefined);
    expect(client.events).toEqual([]);
    response.emit('finish');
    response.emit('close');
    expect(client.events).toEqual([
      {
        type: 'api_call',
        timestamp: expect.any(Number),
        method: 'POST',
        path: '/orders',
        status_code: 201,
        duration_ms: 0,
        request_bytes: 12,
        response_bytes: 34,
        consumer: 'acme',
        trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      },
    ]);
  });

  it('whose client went away has no status unless it was sent', () => {
    const client = collector();
    const response = responseOf({ headersSent: false, writableFinished: false });
    expressMiddleware(client)(requestOf({}), response, () => undefined);
    response.emit('close');
    expect(client.events[0]).not.toHaveProperty('status_code');
    expect(client.events[0]).toMatchObject({ attributes: { aborted: true } });
  });

  it.each(['', '00-0', '00-00000000000000000000000000000000-00f067aa0ba902b7-01', 'x'.repeat(9_999)])(
    'has no trace where its header is none: %#',
    (traceparent) => {
      const client = collector();
      const response = responseOf();
      expressMiddleware(client)(requestOf({ headers: { traceparent } }), response, () => undefined);
      response.emit('finish');
      expect(client.events[0]).not.toHaveProperty('trace_id');
    },
  );

  it('that is to be ignored is not looked at', () => {
    const client = collector();
    const response = responseOf();
    expressMiddleware(client, { ignore: () => true })(requestOf({}), response, () => undefined);
    expect(response.listenerCount('finish')).toBe(0);
  });
});

describe('whatever throws in the middleware', () => {
  const fields = ['headers', 'method', 'url', 'originalUrl', 'route', 'baseUrl', 'params'];
  const answerFields = ['statusCode', 'headersSent', 'writableFinished', 'getHeader', 'once'];
  const sabotage = (target: object, names: readonly string[]): void => {
    for (const name of names) Object.defineProperty(target, name, { get: fail, configurable: true });
  };
  const subset = (names: readonly string[]) => fc.subarray([...names]);

  it('does not reach the host, which goes on at once and exactly once', () =>
    fc.assert(
      fc.property(
        subset(fields),
        subset(answerFields),
        subset(['record', 'monotonic', 'consumer', 'ignore']),
        fc.constantFrom('express', 'fastify', 'http'),
        (ofRequest, ofResponse, others, framework) => {
          const request = requestOf({ route: { path: '/a' } });
          const response = responseOf();
          sabotage(request, ofRequest);
          sabotage(response, ofResponse);
          const client: Client = {
            ...collector(),
            ...(others.includes('record') && { record: fail }),
            ...(others.includes('monotonic') && { monotonic: fail }),
          };
          const options = {
            ...(others.includes('consumer') && { consumer: fail }),
            ...(others.includes('ignore') && { ignore: fail }),
          };
          let went_on = 0;
          const next = (): void => {
            went_on += 1;
          };
          if (framework === 'express') expressMiddleware(client, options)(request, response, next);
          else if (framework === 'fastify')
            onRequest(client, options)({ raw: request }, { raw: response }, next);
          else instrumentHttp(client, next, options)(request, response);
          expect(went_on).toBe(1);
          EventEmitter.prototype.emit.call(response, 'finish');
          EventEmitter.prototype.emit.call(response, 'close');
        },
      ),
      { numRuns: 400, seed: 5 },
    ));

  it('loses the field that threw and no other', () => {
    const client = collector();
    const request = requestOf({});
    sabotage(request, ['headers', 'route']);
    const response = responseOf();
    expressMiddleware(client, { consumer: fail })(request, response, () => undefined);
    response.emit('finish');
    expect(client.events[0]).toMatchObject({ method: 'GET', path: '/', status_code: 200 });
  });

  it('is not what the host throws: that stays the host’s', () => {
    const mine = new Error('of the host');
    const throwing = (): never => {
      throw mine;
    };
    expect(() => expressMiddleware(collector())(requestOf({}), responseOf(), throwing)).toThrow(mine);
    expect(() => instrumentHttp(collector(), throwing)(requestOf({}), responseOf())).toThrow(mine);
  });
});

type Hook = (request: FastifyRequest, reply: { raw: ServerResponse }, done: () => void) => void;

/** The hook that the plugin adds. */
const onRequest = (client: Client, options: object = {}): Hook => {
  const hooks: Hook[] = [];
  const instance = { addHook: (_: 'onRequest', hook: Hook) => hooks.push(hook) };
  let ready = false;
  fastifyPlugin(client, options)(instance, {}, () => {
    ready = true;
  });
  expect(ready).toBe(true);
  return hooks[0]!;
};

describe('the Fastify plugin', () => {
  const record = (fields: Partial<FastifyRequest>): TelemetryEvent | undefined => {
    const client = collector();
    const reply = { raw: responseOf() };
    const raw: IncomingMessage = requestOf({ url: '/orders/42?x=1' });
    onRequest(client)({ raw, ...fields }, reply, () => undefined);
    reply.raw.emit('finish');
    return client.events[0];
  };

  it('takes the route from the request’s options, and none where nothing matched', () => {
    expect(record({ routeOptions: { url: '/orders/:id' } })).toMatchObject({
      route: '/orders/:id',
      path: '/orders/42',
    });
    expect(record({ is404: true, routeOptions: { url: '*' } })).not.toHaveProperty('route');
    expect(record({})).not.toHaveProperty('route');
  });

  it('sees the routes of the instance that it is registered on', () => {
    expect(Reflect.get(fastifyPlugin(collector()), Symbol.for('skip-override'))).toBe(true);
  });
});
