import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../client.js';
import { attempt, observe, type ObserveOptions } from './observe.js';

/** What is looked at of a request of Fastify 4 or 5. */
export interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly originalUrl?: string;
  readonly is404?: boolean;
  readonly routeOptions?: { readonly url?: string | undefined };
}

interface FastifyReply {
  readonly raw: ServerResponse;
}

type Hook = (request: FastifyRequest, reply: FastifyReply, done: () => void) => void;

interface FastifyInstance {
  addHook(name: 'onRequest', hook: Hook): unknown;
}

type Plugin = (instance: FastifyInstance, options: unknown, done: () => void) => void;

/** A plugin that records every request: `fastify.register(fastifyPlugin(client))`. */
export const fastifyPlugin = (client: Client, options: ObserveOptions<FastifyRequest> = {}): Plugin => {
  const { consumer, ignore } = options;
  const plugin: Plugin = (instance, _options, done) => {
    instance.addHook('onRequest', (request, reply, next) => {
      attempt(() => {
        if (ignore?.(request) === true) return;
        observe(client, request.raw, reply.raw, {
          url: () => request.originalUrl ?? request.raw.url,
          route: () => (request.is404 === true ? undefined : request.routeOptions?.url),
          consumer: () => consumer?.(request),
        });
      });
      next();
    });
    done();
  };
  // Without this a plugin sees the routes beside it only, and not those of the instance that it is registered on.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
};
