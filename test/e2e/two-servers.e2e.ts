import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EventStoreDbServer } from '../support/eventstoredb-server/server.js';
import { rule } from '../support/route-bodies.js';
import {
  freshData,
  registerTenant,
  removeData,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';
import { until } from '../support/until.js';

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}
type Side = 'one' | 'other';

/** Two servers, each with a data directory, read models and index of its own, on one EventStoreDB (an imitation of it). */
describe('two servers on one EventStoreDB', () => {
  let eventstore: EventStoreDbServer;
  let tenant: RegisteredTenant;
  const data = {} as Record<Side, string>;
  const servers = {} as Record<Side, StartedServer>;
  const environments = {} as Record<Side, Record<string, string>>;

  beforeAll(async () => {
    eventstore = await EventStoreDbServer.start();
    for (const side of ['one', 'other'] as const) {
      environments[side] = {
        EVENTSTOREDB_URL: eventstore.url,
        PULSESTREAM_SECRET: 'the secret that both servers have, and nobody else',
        PULSESTREAM_INSTANCE_ID: side,
        PULSESTREAM_SHARD: side === 'one' ? '0' : '1',
      };
      data[side] = await freshData(environments[side]);
      servers[side] = await startServer(data[side], environments[side]);
    }
    tenant = await registerTenant(servers.one.url);
  });
  afterAll(async () => {
    await Promise.all(Object.values(servers).map((server) => server.stop()));
    await eventstore.kill();
    await Promise.all(Object.values(data).map(removeData));
  });

  const ask = async (side: Side, method: string, path: string, json?: object, token?: string) => {
    const response = await fetch(servers[side].url + path, {
      method,
      headers: {
        ...(token === undefined ? { 'x-api-key': tenant.api_key } : { authorization: `Bearer ${token}` }),
        'content-type': 'application/json',
      },
      ...(json && { body: JSON.stringify(json) }),
    });
    return { status: response.status, body: await response.json() } as Answer;
  };
  const operate = async (side: Side, method: string, path: string, json?: object) => {
    const token = (await readFile(join(data[side], 'keys', 'operator-token'), 'utf8')).trim();
    return ask(side, method, `/_deploy/${path}`, json, token);
  };
  const send = (side: Side, service: string) =>
    ask(side, 'POST', '/api/v1/ingestion/events', { type: 'api_call', service, status_code: 200 });
  const services = async (side: Side, position: unknown): Promise<readonly string[]> => {
    const path = `/api/v1/ingestion/events/search?limit=1000&min_position=${String(position)}`;
    const { body } = await ask(side, 'GET', path);
    return (body.data as readonly { readonly service: string }[]).map(({ service }) => service).sort();
  };
  const requests = async (side: Side, position: unknown): Promise<unknown> => {
    const { body } = await ask(side, 'GET', `/api/v1/dashboard/overview?min_position=${String(position)}`);
    return (body.totals as Readonly<Record<string, unknown>>).requests;
  };
  const rules = async (side: Side, position: unknown): Promise<readonly unknown[]> => {
    const { body } = await ask(side, 'GET', `/api/v1/alerting/rules?min_position=${String(position)}`);
    return body.data as readonly unknown[];
  };

  it('each take what their clients send, and show what the other took', async () => {
    // Who got a key from one gets in at the other as soon as that has read of it.
    await until(async () => (await ask('other', 'GET', '/api/v1/alerting/rules')).status === 200);
    const sent = await Promise.all(
      ['a', 'b', 'c', 'd'].flatMap((service) => [
        send('one', `one-${service}`),
        send('other', `other-${service}`),
      ]),
    );
    expect(sent.map(({ status }) => status)).toEqual(sent.map(() => 201));
    const last = sent
      .map(({ body }) => String(body.position))
      .sort()
      .at(-1);
    const all = ['a', 'b', 'c', 'd'].flatMap((service) => [`one-${service}`, `other-${service}`]).sort();
    for (const side of ['one', 'other'] as const) {
      expect(await services(side, last)).toEqual(all);
      expect(await requests(side, last)).toBe(8);
    }
    const made = await ask('other', 'POST', '/api/v1/alerting/rules', rule);
    expect(made.status).toBe(201);
    expect(await rules('one', made.body.position)).toEqual(await rules('other', made.body.position));
    expect(await rules('one', made.body.position)).toHaveLength(1);
  });

  it('hold a guard that was raised at one of them, and go on when it was lowered at the other', async () => {
    const begun = await operate('one', 'POST', 'begin', { release: 'r2' });
    expect(begun).toMatchObject({ status: 200, body: { mode: 'strict' } });
    const refused = { status: 403, body: { code: 'deployment_in_progress' } };
    for (const side of ['other', 'one'] as const) {
      expect(await send(side, 'refused')).toMatchObject(refused);
      expect(await ask(side, 'POST', '/api/v1/alerting/rules', rule)).toMatchObject(refused);
      expect((await ask(side, 'GET', '/api/v1/alerting/rules')).status).toBe(200);
      expect((await operate(side, 'GET', 'status')).body).toMatchObject({ mode: 'strict' });
    }
    // While it is being measured nothing else can be done with it.
    await until(async () => (await operate('one', 'GET', 'status')).body.phase === 'ready');
    const { deployment_id } = begun.body;
    const override = { by: 'ada', reason: 'seen enough' };
    const lowered = await operate('other', 'POST', 'complete', { deployment_id, override });
    expect(lowered).toMatchObject({ status: 200 });
    for (const side of ['one', 'other'] as const)
      expect((await send(side, `after-${side}`)).status).toBe(201);
  });

  it('know of everything that was written while one of them was dead', async () => {
    await servers.one.stop('SIGKILL');
    const { body } = await send('other', 'meanwhile');
    servers.one = await startServer(data.one, environments.one);
    const seen = await services('one', body.position);
    expect(seen).toContain('meanwhile');
    expect(seen).not.toContain('refused');
    expect(seen).toEqual(await services('other', body.position));
    expect(await requests('one', body.position)).toBe(await requests('other', body.position));
    for (const side of ['one', 'other'] as const)
      expect(await runCliJson(data[side], ['projections', 'verify'], environments[side])).toMatchObject({
        ok: true,
      });
  });
});
