import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { gzipSync } from 'node:zlib';
import { openapi } from '../../src/api/openapi.js';
import { routes } from '../../src/api/http/routes.js';
import type { Route } from '../../src/api/http/route.js';
import { bodies, event, mediaTypeOf, rule } from '../support/route-bodies.js';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type CallOptions,
  type TestServer,
  type TestTenant,
} from '../support/server.js';

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;

const document = JSON.parse(JSON.stringify(openapi(routes, 'test'))) as {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >;
};
const ajv = new Ajv({ strict: false, formats: { 'date-time': true } });
ajv.addSchema({ ...document, $id: 'openapi' });

/** Calls a route and holds its answer against the document. */
const call = async (
  method: string,
  template: string,
  options: CallOptions & { ids?: Record<string, string>; query?: string } = {},
): Promise<Answer> => {
  const { ids = {}, query = '', ...rest } = options;
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'none') + query;
  const answer = await server.call(method, path, rest);
  const responses = document.paths[template]?.[method.toLowerCase()]?.responses ?? {};
  expect(Object.keys(responses)).toContain(String(answer.status));
  const [type, content] = Object.entries(responses[String(answer.status)]?.content ?? {})[0] ?? [];
  if (type !== undefined && content) {
    expect(answer.headers.get('content-type')).toContain(type);
    const pointer = [
      'paths',
      template,
      method.toLowerCase(),
      'responses',
      String(answer.status),
      'content',
      type,
      'schema',
    ]
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const check = ajv.getSchema(`openapi#/${pointer}`);
    const valid = check?.(type.includes('json') ? answer.body : answer.text);
    expect([valid, check?.errors ?? null]).toEqual([true, null]);
  }
  return answer;
};

const namesOf = (route: Route): string => `${route.method} ${route.path}`;
const closed = routes.filter(({ auth }) => auth !== 'public');
const writing = routes.filter(({ method, path }) => method !== 'GET' && !path.startsWith('/_'));

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
});

afterAll(() => server.stop());

describe('without credentials, or with false ones', () => {
  it.each(closed.map((route) => [namesOf(route), route] as const))(
    '%s answers 401 and changes nothing',
    async (_name, route) => {
      const before = await server.head();
      const json = bodies[route.path] ?? {};
      const wrong: CallOptions[] = [
        {},
        { as: 'nonsense' },
        { as: `${ada.token}x` },
        { as: `${ada.token.split('.').slice(0, 2).join('.')}.` },
        { as: `ps_${'0'.repeat(32)}_${'a'.repeat(43)}` },
        { as: ada.key.slice(0, -1) + (ada.key.endsWith('A') ? 'B' : 'A') },
        { headers: { 'x-api-key': 'nonsense' } },
        { headers: { authorization: `Basic ${ada.key}` } },
        ...(route.auth === 'operator'
          ? [{ as: ada.token }, { as: ada.key }]
          : route.operator
            ? []
            : [{ as: server.operator_token }]),
      ];
      for (const options of wrong) {
        const answer = await call(route.method, route.path, {
          ...options,
          ...(route.method !== 'GET' && { json }),
        });
        expect(answer.status).toBe(401);
        expect(answer.headers.get('www-authenticate')).toContain('Bearer');
      }
      expect(await server.head()).toBe(before);
    },
  );

  it('an unknown address and a wrong password are told apart by nothing', async () => {
    const path = '/api/v1/auth/login';
    const unknown = await call('POST', path, {
      json: { email: 'nobody@example.com', password: 'correct horse' },
    });
    const wrong = await call('POST', path, { json: { email: ada.email, password: 'wrong horse' } });
    const strip = ({ status, body: { request_id: _, ...rest } }: Answer): object => ({ status, rest });
    expect(strip(unknown)).toEqual(strip(wrong));
    expect(unknown.status).toBe(401);
  });
});

describe('a key may do what its scopes say', () => {
  const keys = new Map<string, string>();
  beforeAll(async () => {
    for (const scope of ['ingest', 'read', 'alerting']) {
      const issued = await call('POST', '/api/v1/auth/api-keys', {
        as: ada.token,
        json: { name: scope, scopes: [scope] },
      });
      keys.set(scope, (issued.body.api_key as { key: string }).key);
    }
  });

  it.each([
    ['ingest', 'POST', '/api/v1/ingestion/events', 201],
    ['ingest', 'GET', '/api/v1/ingestion/events/search', 403],
    ['ingest', 'GET', '/api/v1/auth/users', 403],
    ['read', 'GET', '/api/v1/dashboard/overview', 200],
    ['read', 'POST', '/api/v1/ingestion/events', 403],
    ['read', 'POST', '/api/v1/alerting/rules', 403],
    ['read', 'POST', '/api/v1/auth/api-keys', 403],
    ['alerting', 'GET', '/api/v1/alerting/rules', 200],
    ['alerting', 'GET', '/api/v1/dashboard/overview', 403],
    ['alerting', 'GET', '/api/v1/auth/profile', 403],
  ])('%s: %s %s is %i', async (scope, method, path, status) => {
    const json = method === 'POST' ? { json: bodies[path] } : {};
    expect((await call(method, path, { as: keys.get(scope)!, ...json })).status).toBe(status);
  });

  it('a revoked key may do nothing any more', async () => {
    const issued = await call('POST', '/api/v1/auth/api-keys', {
      as: ada.token,
      json: { name: 'gone', scopes: ['read'] },
    });
    const { id, key } = issued.body.api_key as { id: string; key: string };
    expect((await call('GET', '/api/v1/dashboard/overview', { as: key })).status).toBe(200);
    const revoked = await call('DELETE', '/api/v1/auth/api-keys/{key_id}', {
      as: ada.token,
      ids: { key_id: id },
    });
    expect(revoked.status).toBe(200);
    expect((await call('GET', '/api/v1/dashboard/overview', { as: key })).status).toBe(401);
    const listed = await call('GET', '/api/v1/auth/api-keys', { as: ada.token });
    expect(listed.body.data as object[]).toContainEqual(
      expect.objectContaining({ id, revoked_at: expect.any(String) }),
    );
    expect(listed.text).not.toContain(key);
  });
});

describe('what is another tenant’s', () => {
  it('does not exist: each route with an id answers as for one that there never was', async () => {
    const made = await call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    const stored = await call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event });
    const replay = await call('POST', '/api/v2/audit/replays', {
      as: ada.token,
      json: bodies['/api/v2/audit/replays'],
    });
    await server.settled();
    const before = await server.head();
    const theirs: Record<string, string> = {
      replay_id: replay.body.id as string,
      rule_id: made.body.id as string,
      alert_id: `alr_${'0'.repeat(32)}`,
      event_id: stored.body.event_id as string,
      key_id: ada.key_id,
      tenant_id: ada.id,
    };
    const strip = ({ status, body: { request_id: _, instance: __, ...rest } }: Answer): object => ({
      status,
      rest,
    });
    // What a tenant names by itself each tenant may have under that name.
    const withIds = routes.filter(
      ({ params, auth }) =>
        auth !== 'operator' && Object.keys(params?.properties ?? {}).some((name) => name.endsWith('_id')),
    );
    expect(withIds.length).toBeGreaterThanOrEqual(9);
    for (const route of withIds) {
      const json =
        route.method === 'GET' || route.method === 'DELETE' ? {} : { json: bodies[route.path] ?? {} };
      const other = await call(route.method, route.path, { as: bob.token, ids: theirs, ...json });
      const never = Object.fromEntries(
        Object.entries(theirs).map(([name, id]) => [name, `${id.slice(0, 4)}${'f'.repeat(32)}`]),
      );
      const none = await call(route.method, route.path, { as: bob.token, ids: never, ...json });
      expect([namesOf(route), other.status]).toEqual([namesOf(route), 404]);
      expect(strip(other)).toEqual(strip(none));
    }
    expect(await server.head()).toBe(before);
    const own = await call('GET', '/api/v1/alerting/rules/{rule_id}', { as: ada.token, ids: theirs });
    expect(own.status).toBe(200);
  });

  it('is in no list, no search and no dashboard', async () => {
    await call('POST', '/api/v1/ingestion/events', {
      as: ada.key,
      json: { ...event, service: 'secret-of-ada' },
    });
    await server.settled();
    for (const route of routes.filter(
      ({ method, params, auth }) => method === 'GET' && !params && auth !== 'operator' && auth !== 'public',
    )) {
      const answer = await call('GET', route.path, { as: bob.token });
      expect([namesOf(route), answer.status]).toEqual([namesOf(route), 200]);
      expect(answer.text).not.toContain('secret-of-ada');
      expect(answer.text).not.toContain(ada.id);
    }
    const seen = await call('GET', '/api/v1/ingestion/events/search', {
      as: ada.token,
      query: '?service=secret-of-ada',
    });
    expect(seen.body.data as object[]).toHaveLength(1);
  });
});

describe('bad input', () => {
  const deep = '['.repeat(100_000);
  const wrong: readonly (readonly [
    string,
    string | Uint8Array,
    Record<string, string>,
    readonly number[],
  ])[] = [
    ['no body', '', {}, [400]],
    ['broken JSON', '{"type": "api_call", ', {}, [400]],
    ['a depth of 100,000', deep, {}, [400]],
    ['another type', '"text"', {}, [400]],
    ['null', 'null', {}, [400]],
    ['an unknown field', '{"type":"api_call","name":"x","surprise":1}', {}, [400]],
    ['__proto__', '{"type":"api_call","__proto__":{"admin":true}}', {}, [400]],
    [
      'wrong types in fields',
      '{"type":7,"email":7,"password":7,"refresh_token":7,"name":7,"note":7}',
      {},
      [400],
    ],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), {}, [400]],
    ['11 MB', JSON.stringify({ type: 'x'.repeat(11 * 1024 * 1024) }), {}, [413]],
    ['a gzip bomb', gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'gzip' }, [413]],
    ['gzip that is none', 'plain', { 'content-encoding': 'gzip' }, [400]],
    ['an unknown encoding', '{}', { 'content-encoding': 'lzma' }, [415]],
    ['another media type', '{}', { 'content-type': 'text/plain' }, [415]],
    ['no media type', '{}', { 'content-type': '' }, [415]],
  ];
  // OTLP has a form of its own for failures and ignores what it does not know: test/api/http/otlp.
  const taking = writing.filter(({ body, failures }) => body && !failures);

  it.each(wrong)(
    '%s gets a clear problem on every route that takes a body, and changes nothing',
    async (what, body, headers, statuses) => {
      const before = await server.head();
      for (const route of taking) {
        // No body at all is a body without a note.
        if (what === 'no body' && route.body && 'optional' in route.body) continue;
        const answer = await call(route.method, route.path, {
          as: ada.token,
          body,
          headers: { ...mediaTypeOf(route), ...headers },
        });
        expect([namesOf(route), statuses.includes(answer.status), answer.status]).toEqual([
          namesOf(route),
          true,
          answer.status,
        ]);
        expect(answer.body).toMatchObject({
          code: expect.any(String),
          detail: expect.any(String),
          status: answer.status,
        });
        expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'));
        expect(answer.text).not.toMatch(/node_modules|\.ts:|at \w+ \(/);
      }
      expect(await server.head()).toBe(before);
      expect(({} as { admin?: boolean }).admin).toBeUndefined();
    },
  );

  it('is named field by field', async () => {
    const { status, body } = await call('POST', '/api/v1/alerting/rules', {
      as: ada.token,
      json: { ...rule, severity: 'dire', surprise: 1, condition: { ...rule.condition, threshold: 'high' } },
    });
    expect(status).toBe(400);
    expect((body.errors as { pointer: string }[]).length).toBeGreaterThan(0);
    for (const error of body.errors as object[])
      expect(error).toMatchObject({
        pointer: expect.stringMatching(/^\//),
        code: expect.any(String),
        detail: expect.any(String),
      });
  });

  it('in parts of a batch is named, and the rest is stored', async () => {
    const { status, body } = await call('POST', '/api/v1/ingestion/events/batch', {
      as: ada.key,
      json: [event, { ...event, status_code: 'ok' }, { ...event, surprise: 1 }, event],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 2, rejected: 2, batch_id: expect.any(String) });
    expect(
      (body.errors as { index: number; pointer: string }[]).map(({ index, pointer }) => [index, pointer]),
    ).toEqual([
      [1, '/status_code'],
      [2, '/surprise'],
    ]);
  });

  it('of a batch in which nothing is valid stores nothing', async () => {
    const before = await server.head();
    const { status } = await call('POST', '/api/v1/ingestion/events/batch', {
      as: ada.key,
      json: [{}, { type: 1 }],
    });
    expect(status).toBe(400);
    expect(await server.head()).toBe(before);
  });
});

describe('a batch', () => {
  it.each([
    ['a JSON array', JSON.stringify([event, event]), 'application/json'],
    ['an object with events', JSON.stringify({ events: [event, event] }), 'application/json'],
    ['NDJSON', `${JSON.stringify(event)}\n${JSON.stringify(event)}\n`, 'application/x-ndjson'],
  ])('may be %s, gzipped or not', async (_what, text, type) => {
    for (const encoding of ['identity', 'gzip']) {
      const { status, body } = await call('POST', '/api/v1/ingestion/events/batch', {
        as: ada.key,
        body: encoding === 'gzip' ? gzipSync(text) : text,
        headers: { 'content-type': type, 'content-encoding': encoding },
      });
      expect([status, body.accepted, body.rejected]).toEqual([200, 2, 0]);
    }
  });
});

describe('conventions', () => {
  it('a command says which position it reached, and reading from there sees it', async () => {
    const made = await call('POST', '/api/v1/ingestion/events', {
      as: ada.key,
      json: { ...event, service: 'fresh' },
    });
    const position = made.headers.get('x-pulsestream-position');
    expect(made.body.position).toBe(position);
    const read = await call('GET', '/api/v1/ingestion/events/search', {
      as: ada.token,
      query: `?service=fresh&min_position=${String(position)}`,
    });
    expect(read.body.data as object[]).toHaveLength(1);
    expect((read.body.position as string) >= (position ?? '')).toBe(true);
    const event_id = made.body.event_id as string;
    const one = await call('GET', '/api/v1/ingestion/events/{event_id}', {
      as: ada.token,
      ids: { event_id },
    });
    expect(one.body).toMatchObject({
      event_id,
      provenance: { actor: { kind: 'api_key', id: ada.key_id }, origin: 'api' },
    });
  });

  it('a batch may say that it is an import, and nothing else', async () => {
    const send = (origin: string) =>
      call('POST', '/api/v1/ingestion/events/batch', {
        as: ada.key,
        json: [{ ...event, service: `door-${origin}` }],
        headers: { 'x-pulsestream-origin': origin },
      });
    const made = await send('import');
    expect(made.status).toBe(200);
    const found = (service: string) =>
      call('GET', '/api/v1/ingestion/events/search', {
        as: ada.token,
        query: `?service=${service}&min_position=${String(made.body.position)}`,
      });
    const [stored] = (await found('door-import')).body.data as { event_id: string }[];
    const one = await call('GET', '/api/v1/ingestion/events/{event_id}', {
      as: ada.token,
      ids: { event_id: stored?.event_id ?? '' },
    });
    expect(one.body).toMatchObject({
      provenance: { actor: { kind: 'api_key', id: ada.key_id }, origin: 'import' },
    });
    for (const origin of ['deployment', 'process_manager', 'import, api', '']) {
      const refused = await send(origin);
      expect([refused.status, refused.body.code]).toEqual([400, 'invalid_origin']);
    }
    expect((await found('door-deployment')).body.data).toEqual([]);
  });

  it('a search takes a query, and names the character where it is none', async () => {
    const made = await call('POST', '/api/v1/ingestion/events', {
      as: ada.key,
      json: { ...event, service: 'asked', status_code: 503, message: 'it Timed Out' },
    });
    const min_position = String(made.headers.get('x-pulsestream-position'));
    const ask = (text: string) =>
      call('GET', '/api/v1/ingestion/events/search', {
        as: ada.token,
        query: `?min_position=${min_position}&query=${encodeURIComponent(text)}`,
      });
    const found = await ask('service:asked status:>=500 "timed out" -route:/health');
    expect(found.body.data).toMatchObject([{ event_id: made.body.event_id }]);
    expect((await ask('service:asked -status_class:5xx')).body.data).toEqual([]);
    const refused = await ask('service:asked status:>x');
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({
      code: 'invalid_query',
      detail: 'At character 22 there should be a number.',
      errors: [{ pointer: '/query', code: 'invalid_query' }],
    });
  });

  it('statistics take any interval and three fields', async () => {
    const ask = (query: string) =>
      call('GET', '/api/v1/ingestion/events/statistics', { as: ada.token, query });
    const { status, body } = await ask('?interval=15m&group_by=service,method,status_class');
    expect(status).toBe(200);
    expect((body.data as { status_class: string }[]).map((row) => row.status_class)).toContain('5xx');
    for (const wrong of ['?interval=0m', '?interval=5s', '?group_by=colour'])
      expect((await ask(wrong)).status).toBe(400);
  });

  it('lists go on from a cursor and from their Link, while more comes in', async () => {
    const all: string[] = [];
    const paged = await registerTestTenant(server, 'pages');
    for (let number = 0; number < 5; number += 1)
      await call('POST', '/api/v1/alerting/rules', {
        as: paged.token,
        json: { ...rule, name: `rule ${number}` },
      });
    let next: string | null = '/api/v1/alerting/rules?limit=2';
    while (next !== null) {
      const answer = await server.call('GET', next, { as: paged.token });
      all.push(...(answer.body.data as { name: string }[]).map(({ name }) => name));
      const link = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1] ?? null;
      expect(link === null).toBe(answer.body.next_cursor === null);
      if (all.length === 2)
        await call('POST', '/api/v1/alerting/rules', { as: paged.token, json: { ...rule, name: 'late' } });
      next = link;
    }
    expect(all).toEqual(['rule 0', 'rule 1', 'rule 2', 'rule 3', 'rule 4', 'late']);
  });

  it.each([
    '/api/v1/alerting/rules',
    '/api/v1/alerting/alerts',
    '/api/v1/auth/users',
    '/api/v1/auth/api-keys',
    '/api/v1/ingestion/events/search',
  ])('%s refuses cursors that it did not give, and limits beyond a thousand', async (path) => {
    for (const query of [
      '?cursor=nonsense',
      `?cursor=${Buffer.from('{"a":1}').toString('base64url')}`,
      '?limit=1001',
      '?limit=0',
    ])
      expect((await call('GET', path, { as: ada.token, query })).status).toBe(400);
  });

  it('the same Idempotency-Key gives the first answer again, another body under it 422', async () => {
    const headers = { 'idempotency-key': '"make-once"' };
    const path = '/api/v1/alerting/rules';
    const first = await call('POST', path, { as: ada.token, json: rule, headers });
    const before = await server.head();
    const again = await call('POST', path, { as: ada.token, json: rule, headers });
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    const other = await call('POST', path, { as: ada.token, json: { ...rule, name: 'other' }, headers });
    expect(other.status).toBe(422);
    expect(await server.head()).toBe(before);
    const theirs = await call('POST', path, { as: bob.token, json: rule, headers });
    expect(theirs.body.id).not.toBe(first.body.id);
  });

  it('a rule is changed only where it is still the one that was seen', async () => {
    const made = await call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    const ids = { rule_id: made.body.id as string };
    const path = '/api/v1/alerting/rules/{rule_id}';
    const seen = await call('GET', path, { as: ada.token, ids });
    const tag = seen.headers.get('etag') ?? '';
    expect(tag).toBe(made.headers.get('etag'));
    const json = { ...rule, enabled: false };
    const changed = await call('PUT', path, { as: ada.token, ids, json, headers: { 'if-match': tag } });
    expect([changed.status, changed.body.enabled]).toEqual([200, false]);
    const stale = await call('PUT', path, { as: ada.token, ids, json: rule, headers: { 'if-match': tag } });
    expect(stale.status).toBe(412);
    const removed = await call('DELETE', path, { as: ada.token, ids });
    expect(removed.status).toBe(200);
    expect((await call('GET', path, { as: ada.token, ids })).status).toBe(404);
  });

  it('what is documented is served, and it is all there is', async () => {
    const { body } = await call('GET', '/openapi.json');
    expect(Object.keys(body.paths as object)).toEqual(Object.keys(document.paths));
    for (const path of ['/', '/api/v1/nothing', '/api/v2/dashboard/overview', '/docs'])
      expect([path, (await server.call('GET', path, { as: ada.token })).status]).toEqual([
        path,
        path === '/' ? 200 : 404,
      ]);
  });
});

describe('budgets', () => {
  it('of events are counted by event', async () => {
    const small = await startTestServer({ PULSESTREAM_RATE_LIMIT_EVENTS: '10' });
    try {
      const tenant = await registerTestTenant(small, 'small');
      const send = (count: number): Promise<Answer> =>
        small.call('POST', '/api/v1/ingestion/events/batch', {
          as: tenant.key,
          json: Array.from({ length: count }, () => event),
        });
      const first = await send(8);
      expect([first.status, first.headers.get('ratelimit-policy')]).toEqual([200, '"events";q=10;w=60']);
      expect((await send(4)).status).toBe(200);
      const head = await small.head();
      const refused = await send(1);
      expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await small.head()).toBe(head);
    } finally {
      await small.stop();
    }
  });
});
