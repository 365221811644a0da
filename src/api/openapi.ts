import type { TObject, TSchema } from 'typebox';
import type { JsonObject, Json } from '../domain/json.js';
import { SENT_AT_HEADER } from './http/context.js';
import type { ResponseSpec, Route } from './http/route.js';
import { ProblemShape } from './http/schemas.js';

const descriptions: Readonly<Record<number, string>> = {
  400: 'The request is not well formed.',
  401: 'Nobody is signed in, or no longer.',
  403: 'Not allowed, or a deployment is in progress.',
  404: 'There is no such thing here.',
  409: 'Something else happened first.',
  412: 'If-Match names another version.',
  413: 'The body is too large.',
  415: 'The media type or content encoding is not taken.',
  422: 'The Idempotency-Key was used with another body.',
  426: 'Another protocol is spoken there.',
  429: 'The budget is used up; Retry-After says until when.',
  500: 'A bug.',
  503: 'Not now; Retry-After says when.',
  507: 'The disk is full.',
};

/** The statuses of problems that follow from what a route takes, and its own. */
const problemsOf = (route: Route): readonly number[] => {
  const writes = route.method !== 'GET';
  const statuses = new Set([500, ...(route.problems ?? [])]);
  const add = (...more: readonly number[]): void => more.forEach((status) => statuses.add(status));
  if (route.auth !== 'public') add(401, 429);
  if (route.auth !== 'public' && route.auth !== 'signed_in') add(403);
  if (route.limit === 'sign_in') add(429);
  if (route.params) add(404);
  if (route.query) add(400);
  if (route.reads) add(503);
  if (route.body) add(400, 413, 415);
  if (writes && route.body) add(403, 503, 507);
  if (route.idempotent) add(409, 422);
  if (route.conditional) add(412);
  return [...statuses].filter((status) => !(status in route.responses)).sort((a, b) => a - b);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Collects titled schemas as components while a document is made. */
class Components {
  readonly schemas: Record<string, Json> = {};

  /** The schema as plain JSON, with references in place of everything that has a title. */
  take(schema: TSchema): Json {
    return this.#reference(JSON.parse(JSON.stringify(schema)) as unknown);
  }

  #reference(node: unknown): Json {
    if (Array.isArray(node)) return node.map((item) => this.#reference(item));
    if (!isObject(node)) return node as Json;
    const plain: JsonObject = Object.fromEntries(
      Object.entries(node).map(([key, value]): [string, Json] => [key, this.#reference(value)]),
    );
    const { title } = node;
    if (typeof title !== 'string') return plain;
    const known = this.schemas[title];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(plain))
      throw new Error(`Two different schemas are called ${title}.`);
    this.schemas[title] = plain;
    return { $ref: `#/components/schemas/${title}` };
  }
}

const requiredOf = (schema: TObject | undefined): readonly string[] => schema?.required ?? [];

const parameters = (place: 'path' | 'query', schema: TObject | undefined, components: Components): Json[] =>
  Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || requiredOf(schema).includes(name),
    schema: components.take(property),
  }));

const header = (name: string, description: string): Json => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});

const requestBody = (route: Route, components: Components): { requestBody?: Json } => {
  if (!route.body) return {};
  const content =
    'raw' in route.body
      ? Object.fromEntries(
          Object.entries(route.body.raw).map(([type, schema]) => [type, { schema: components.take(schema) }]),
        )
      : { 'application/json': { schema: components.take(route.body.schema) } };
  return { requestBody: { required: !('optional' in route.body && route.body.optional), content } };
};

const response = (spec: ResponseSpec, components: Components): Json => ({
  description: spec.description,
  ...(spec.headers && {
    headers: Object.fromEntries(
      Object.entries(spec.headers).map(([name, description]) => [
        name,
        { description, schema: { type: 'string' } },
      ]),
    ),
  }),
  ...(spec.schema && {
    content: { [spec.content_type ?? 'application/json']: { schema: components.take(spec.schema) } },
  }),
});

const sentAt =
  'What the sender’s clock says when it sends this, as RFC 3339 or milliseconds since 1970: the times of the events ' +
  'are corrected by the difference to when the request comes, to the nearest second.';

const operation = (route: Route, components: Components): Json => {
  const { content_type, schema } = route.failures ?? {
    content_type: 'application/problem+json',
    schema: ProblemShape,
  };
  const problem = { [content_type]: { schema: components.take(schema) } };
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    tags: [...route.tags],
    security: security(route),
    parameters: [
      ...parameters('path', route.params, components),
      ...parameters('query', route.query, components),
      ...(route.idempotent
        ? [
            header(
              'Idempotency-Key',
              'The same key and body give the first answer again, for at least 24 hours.',
            ),
          ]
        : []),
      ...(route.conditional ? [header('If-Match', 'The version that is changed: "v7".')] : []),
      ...(route.limit === 'events' ? [header(SENT_AT_HEADER, sentAt)] : []),
      ...Object.entries(route.headers ?? {}).map(([name, description]) => header(name, description)),
    ],
    ...requestBody(route, components),
    responses: Object.fromEntries([
      ...Object.entries(route.responses).map(([status, spec]) => [status, response(spec, components)]),
      ...problemsOf(route).map((status) => [
        String(status),
        { description: descriptions[status] ?? 'A problem.', content: problem },
      ]),
    ]) as JsonObject,
  };
};

const security = ({ auth, operator }: Route): Json => {
  if (auth === 'public') return [];
  if (auth === 'operator') return [{ operator: [] }];
  if (auth === 'person') return [{ token: [] }];
  return [{ token: [] }, { api_key: [] }, ...(operator ? [{ operator: [] }] : [])];
};

const operationId = ({ method, path }: Route): string =>
  `${method.toLowerCase()}_${path.replaceAll(/[^a-zA-Z0-9]+/g, '_').replaceAll(/^_|_$/g, '')}`;

/** The OpenAPI 3.1 document of these routes, made of the very schemas that check the requests. */
export const openapi = (routes: readonly Route[], version: string): JsonObject => {
  const components = new Components();
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes)
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route, components);
  return {
    openapi: '3.1.0',
    info: {
      title: 'PulseStream',
      version,
      description: 'API monitoring in which every fact is an event in an append-only log.',
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(components.schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        api_key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        operator: { type: 'http', scheme: 'bearer', description: 'PULSESTREAM_OPERATOR_TOKEN' },
      },
    },
  };
};
