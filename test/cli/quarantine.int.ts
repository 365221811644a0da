import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';

const small = { PULSESTREAM_SEGMENT_MEGABYTES: '32', PULSESTREAM_QUARANTINE_TWO_PEOPLE: 'true' };

let data: string;
let server: StartedServer;
let tenant: RegisteredTenant;

beforeAll(async () => {
  data = await freshData(small);
  server = await startServer(data, small);
  tenant = await registerTenant(server.url);
});
afterAll(async () => {
  await server.stop();
  await removeData(data);
});

const search = async (): Promise<readonly { event_id: string }[]> => {
  const response = await fetch(`${server.url}/api/v1/ingestion/events/search`, {
    headers: { 'x-api-key': tenant.api_key },
  });
  return ((await response.json()) as { data: { event_id: string }[] }).data;
};

describe('pulsestream audit quarantine', () => {
  it('sets aside what the operator proposed and another approved, and brings it back', async () => {
    const sent = (await postJson(
      `${server.url}/api/v1/ingestion/events`,
      { type: 'api_call', service: 'planted' },
      { 'x-api-key': tenant.api_key },
    )) as { event_id: string };
    const ours = ['--tenant', tenant.tenant_id];
    const proposing = [
      'audit',
      'quarantine',
      'propose',
      ...ours,
      '--reason',
      'false',
      '--event',
      sent.event_id,
    ];
    const { quarantine_id } = (await runCliJson(data, proposing)) as { quarantine_id: string };

    const alone = await runCli(data, ['audit', 'quarantine', 'approve', quarantine_id, ...ours]);
    expect(alone).toMatchObject({ code: 1 });
    expect(alone.stderr).toContain('A person other than who proposed this');
    await postJson(
      `${server.url}/api/v2/audit/quarantine/${quarantine_id}/approve`,
      {},
      { authorization: `Bearer ${tenant.access_token}` },
    );
    expect(await search()).toEqual([]);
    const listed = await runCli(data, ['audit', 'quarantine', 'list', ...ours]);
    expect(listed.stdout).toMatch(new RegExp(`${quarantine_id} +approved +1 +false`));
    const released = await runCli(data, ['audit', 'quarantine', 'release', quarantine_id, ...ours]);
    expect(released).toMatchObject({ code: 0, stdout: `✓ ${quarantine_id}: released.\n` });
    expect(await search()).toMatchObject([{ event_id: sent.event_id }]);
  });

  it('wants to be told what is meant', async () => {
    const vague = ['audit', 'quarantine', 'propose', '--tenant', tenant.tenant_id, '--reason', 'false'];
    expect(await runCli(data, vague)).toMatchObject({ code: 2 });
  });
});

describe('pulsestream audit deployment', () => {
  it('knows no deployment that there was not', async () => {
    const answer = await runCli(data, ['audit', 'deployment', `dep_${'0'.repeat(32)}`]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain('There is no such deployment');
  });
});

describe('pulsestream audit legitimacy', () => {
  it('sets, lists and removes a tenant’s rules, as the operator', async () => {
    const ours = ['--tenant', tenant.tenant_id];
    const condition = '{"field":"/service","op":"is","value":"probe"}';
    const set = (text: string) =>
      runCli(data, ['audit', 'legitimacy', 'set', 'probes', 'legitimate', text, ...ours]);
    expect(await set('service is probe')).toMatchObject({ code: 2 });
    expect((await set('{"field":"nobody","op":"is","value":1}')).stderr).toContain('not valid');
    expect(await set(condition)).toMatchObject({ code: 0 });
    const listed = await runCli(data, ['audit', 'legitimacy', 'list', ...ours]);
    expect(listed.stdout).toContain(condition);
    expect(await runCli(data, ['audit', 'legitimacy', 'remove', 'probes', ...ours])).toMatchObject({
      code: 0,
    });
    expect(await runCliJson(data, ['audit', 'legitimacy', 'list', ...ours])).toMatchObject({ data: [] });
  });
});
