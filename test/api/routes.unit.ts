import { describe, expect, it } from '@jest/globals';
import { openapi } from '../../src/api/openapi.js';
import { hotRoutes, routes } from '../../src/api/http/routes.js';

type Node = Record<string, unknown>;
const document = JSON.parse(JSON.stringify(openapi(routes, 'test'))) as {
  openapi: string;
  paths: Record<
    string,
    Record<string, { operationId: string; parameters: Node[]; responses: Record<string, Node> }>
  >;
  components: { schemas: Node };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

const references = (node: unknown): string[] => {
  if (typeof node !== 'object' || node === null) return [];
  const own = '$ref' in node && typeof node.$ref === 'string' ? [node.$ref] : [];
  return [...own, ...Object.values(node).flatMap(references)];
};

describe('the route table', () => {
  it('has each method of a path once', () => {
    const names = routes.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('lets in without credentials only where somebody signs in, and to what tells nothing of a tenant', () => {
    expect(routes.filter(({ auth }) => auth === 'public').map(({ path }) => path)).toEqual([
      '/api/v1/auth/register/tenant',
      '/api/v1/auth/login',
      '/api/v1/auth/refresh',
      '/api/v1/auth/logout',
      '/health',
      '/health/live',
      '/health/ready',
      '/api/v1/auth/health',
      '/api/v1/ingestion/health',
      '/api/v1/alerting/health',
      '/api/v1/storage/health',
      '/metrics',
      '/openapi.json',
    ]);
  });

  it('limits what can be tried by those who have no credentials', () => {
    const tries = routes.filter(({ auth, method }) => auth === 'public' && method !== 'GET');
    for (const { limit } of tries) expect(limit).toBe('sign_in');
  });

  it('keeps what is the server’s for its operator', () => {
    for (const { path, auth } of routes)
      if (path.startsWith('/_')) expect(auth).toBe('operator');
      else expect(auth).not.toBe('operator');
  });

  it('honours Idempotency-Key wherever something is made', () => {
    const makes = routes.filter(({ method, responses }) => method === 'POST' && 201 in responses);
    expect(makes.length).toBeGreaterThan(4);
    for (const { idempotent, path } of makes) expect([path, idempotent]).toEqual([path, true]);
  });

  it('names every parameter that a path has', () => {
    for (const { path, params } of routes) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(params?.properties ?? {})).toEqual(names);
    }
  });

  it('takes telemetry in front of Express', () => {
    expect([...hotRoutes.keys()]).toEqual([
      '/api/v1/ingestion/events',
      '/api/v1/ingestion/events/batch',
      '/api/v1/ingestion/otlp/v1/traces',
      '/api/v1/ingestion/otlp/v1/logs',
    ]);
  });
});

describe('the OpenAPI document', () => {
  it('is version 3.1 and has an operation for every route and no other', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort()).toEqual(
      routes.map(({ path, method }) => `${method} ${path}`).sort(),
    );
  });

  it('gives each operation an id of its own, and says what its problems look like', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations) {
      // OpenTelemetry's protocol has a form of its own for what went wrong.
      const [type, shape] = path.includes('/otlp/')
        ? ['application/json', 'RpcStatus']
        : ['application/problem+json', 'Problem'];
      expect(operation.responses['500']).toMatchObject({
        content: { [type]: { schema: { $ref: `#/components/schemas/${shape}` } } },
      });
    }
  });

  it('refers to nothing that is not in it', () => {
    for (const reference of references(document))
      expect(Object.keys(document.components.schemas)).toContain(
        reference.replace('#/components/schemas/', ''),
      );
  });

  it('has min_position on every read of a read model', () => {
    for (const { path, method, reads } of routes) {
      if (!reads) continue;
      const parameters = document.paths[path]![method.toLowerCase()]!.parameters;
      expect(parameters).toContainEqual(expect.objectContaining({ name: 'min_position', in: 'query' }));
    }
  });
});
