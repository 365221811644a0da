export {
  createClient,
  type AggregateOptions,
  type Client,
  type ClientOptions,
  type ClientStats,
} from './client.js';
export { createApi, ApiError, type Api, type ApiOptions } from './api.js';
export { expressMiddleware, type ExpressRequest } from './middleware/express.js';
export { fastifyPlugin, type FastifyRequest } from './middleware/fastify.js';
export { instrumentHttp, type HttpOptions } from './middleware/http.js';
export type { ObserveOptions } from './middleware/observe.js';
export { looksSecret } from './secrets.js';
export type { AttributeValue, TelemetryEvent } from './event.js';
export type { DropReason } from './retry.js';
export type { Runtime, Timer } from './runtime.js';
export type { IncomingAnswer, OutgoingRequest, Transport } from './transport.js';
export type * from './api-types.js';
