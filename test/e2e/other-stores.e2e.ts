import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreDbServer } from '../support/eventstoredb-server/server.js';
import { hasGo, startFerretDb, type FerretDb } from '../support/ferretdb.js';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';

const describeWithMongoDb = hasGo() ? describe : describe.skip;

/** The whole server with neither of the embedded stores: EventStoreDB (an imitation of it) and MongoDB (FerretDB). */
describeWithMongoDb('PulseStream on EventStoreDB and MongoDB', () => {
  let eventstore: EventStoreDbServer;
  let ferret: FerretDb;
  let environment: Record<string, string>;
  let data: string;
  let server: StartedServer;
  let tenant: RegisteredTenant;

  beforeAll(async () => {
    eventstore = await EventStoreDbServer.start();
    ferret = await startFerretDb();
    environment = {
      EVENTSTOREDB_URL: eventstore.url,
      MONGODB_URL: ferret.url,
      PULSESTREAM_EVALUATION_SECONDS: '1',
    };
    data = await freshData(environment);
    server = await startServer(data, environment);
    tenant = await registerTenant(server.url);
  });
  afterAll(async () => {
    await server.stop();
    await eventstore.kill();
    await ferret.stop();
    await removeData(data);
  });

  const key = (): Record<string, string> => ({ 'x-api-key': tenant.api_key });
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${server.url}/api/v1/${path}`, { headers: key() });
    expect(response.status).toBe(200);
    return response.json();
  };
  const send = async (count: number, status_code: number): Promise<string> => {
    const events = Array.from({ length: count }, () => ({
      type: 'api_call',
      service: 'checkout',
      status_code,
    }));
    const url = `${server.url}/api/v1/ingestion/events/batch`;
    return ((await postJson(url, events, key())) as { position: string }).position;
  };
  const requests = async (position: string): Promise<number> => {
    const overview = await get(`dashboard/overview?min_position=${position}`);
    return (overview as { totals: { requests: number } }).totals.requests;
  };

  it('takes telemetry and shows it', async () => {
    expect(await requests(await send(500, 200))).toBe(500);
  });

  it('fires an alert', async () => {
    await postJson(
      `${server.url}/api/v1/alerting/rules`,
      {
        name: 'Too many errors',
        severity: 'critical',
        enabled: true,
        condition: { metric: 'error_count', operator: '>', threshold: 2 },
        window_seconds: 60,
        for_seconds: 0,
      },
      key(),
    );
    await send(3, 500);
    type Alerts = { data: { state: string; value: number }[] };
    let alerts: Alerts = { data: [] };
    while (alerts.data.length === 0) alerts = (await get('alerting/alerts?state=firing')) as Alerts;
    expect(alerts.data).toMatchObject([{ state: 'firing', value: 3 }]);
  });

  it('has it all after a restart, and after the index of record ids was lost', async () => {
    await server.stop();
    server = await startServer(data, environment);
    const before = await requests(await send(10, 200));
    expect(before).toBe(513);

    await server.stop();
    await removeData(`${data}/index`);
    server = await startServer(data, environment);
    expect(await requests(await send(10, 200))).toBe(523);
  });

  it('rebuilds and verifies its read models from the log', async () => {
    expect(await runCliJson(data, ['projections', 'rebuild', '--all'], environment)).toMatchObject({
      ok: true,
    });
    expect(await runCliJson(data, ['projections', 'verify'], environment)).toMatchObject({ ok: true });
    expect(await requests(await send(1, 200))).toBe(524);
  });
});
