import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freshData, registerTenant, removeData, runCli, startServer } from '../support/started-server.js';

let data: string;
beforeAll(async () => {
  data = await freshData();
});
afterAll(() => removeData(data));

describe('pulsestream demo', () => {
  it('sends made-up events to a server that takes them, marked as that', async () => {
    const server = await startServer(data, { PULSESTREAM_DEMO_DATA: 'true' });
    try {
      const { api_key, access_token } = await registerTenant(server.url);
      const { code, stdout } = await runCli(data, ['demo', '--events', '1500', '--api-key', api_key]);
      expect([code, stdout]).toEqual([0, '✓ 1,500 made-up events were sent.\n']);
      const headers = { authorization: `Bearer ${access_token}` };
      const ask = async (path: string): Promise<Record<string, unknown>> =>
        (await (await fetch(`${server.url}${path}`, { headers })).json()) as Record<string, unknown>;
      const { data: found } = await ask('/api/v1/ingestion/events/search?limit=1&service=shop');
      const [{ event_id }] = found as [{ event_id: string }];
      expect(await ask(`/api/v1/ingestion/events/${event_id}`)).toMatchObject({
        provenance: { origin: 'demo' },
      });
    } finally {
      await server.stop();
    }
  });

  it('sends none to any other', async () => {
    const server = await startServer(data, { NODE_ENV: 'production' });
    try {
      const { api_key } = await registerTenant(server.url, 'bob@example.com');
      const { code, stderr } = await runCli(data, ['demo', '--api-key', api_key]);
      expect([code, stderr]).toEqual([1, expect.stringContaining('takes no made-up events')]);
    } finally {
      await server.stop();
    }
  });

  it('cannot be switched on in production: nothing starts', async () => {
    const production = { NODE_ENV: 'production', PULSESTREAM_DEMO_DATA: 'true' };
    const { code, stderr } = await runCli(data, ['serve'], production);
    expect([code, stderr]).toEqual([2, expect.stringContaining('PULSESTREAM_DEMO_DATA cannot be true')]);
  });
});
