import { describe, expect, it } from '@jest/globals';
import { served } from '../support/served.js';
import { postJson } from '../support/started-server.js';

const small = { PULSESTREAM_SEGMENT_MEGABYTES: '32', PULSESTREAM_QUARANTINE_TWO_PEOPLE: 'true' };

const on = served(small);

const search = async (): Promise<readonly { event_id: string }[]> => {
  const response = await on.get('/api/v1/ingestion/events/search');
  return ((await response.json()) as { data: { event_id: string }[] }).data;
};

describe('pulsestream audit quarantine', () => {
  it('sets aside what the operator proposed and another approved, and brings it back', async () => {
    const sent = (await postJson(
      `${on.url}/api/v1/ingestion/events`,
      { type: 'api_call', service: 'planted' },
      { 'x-api-key': on.tenant.api_key },
    )) as { event_id: string };
    const ours = ['--tenant', on.tenant.tenant_id];
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
    const { quarantine_id } = (await on.cliJson(...proposing)) as { quarantine_id: string };

    const alone = await on.cli('audit', 'quarantine', 'approve', quarantine_id, ...ours);
    expect(alone).toMatchObject({ code: 1 });
    expect(alone.stderr).toContain('A person other than who proposed this');
    await postJson(
      `${on.url}/api/v2/audit/quarantine/${quarantine_id}/approve`,
      {},
      { authorization: `Bearer ${on.tenant.access_token}` },
    );
    expect(await search()).toEqual([]);
    const listed = await on.cli('audit', 'quarantine', 'list', ...ours);
    expect(listed.stdout).toMatch(new RegExp(`${quarantine_id} +approved +1 +false`));
    const released = await on.cli('audit', 'quarantine', 'release', quarantine_id, ...ours);
    expect(released).toMatchObject({ code: 0, stdout: `✓ ${quarantine_id}: released.\n` });
    expect(await search()).toMatchObject([{ event_id: sent.event_id }]);
  });

  it('wants to be told what is meant', async () => {
    const vague = ['audit', 'quarantine', 'propose', '--tenant', on.tenant.tenant_id, '--reason', 'false'];
    expect(await on.cli(...vague)).toMatchObject({ code: 2 });
  });
});

describe('pulsestream audit deployment', () => {
  it('knows no deployment that there was not', async () => {
    const answer = await on.cli('audit', 'deployment', `dep_${'0'.repeat(32)}`);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain('There is no such deployment');
  });
});

describe('pulsestream audit legitimacy', () => {
  it('sets, lists and removes a tenant’s rules, as the operator', async () => {
    const ours = ['--tenant', on.tenant.tenant_id];
    const condition = '{"field":"/service","op":"is","value":"probe"}';
    const set = (text: string) => on.cli('audit', 'legitimacy', 'set', 'probes', 'legitimate', text, ...ours);
    expect(await set('service is probe')).toMatchObject({ code: 2 });
    expect((await set('{"field":"nobody","op":"is","value":1}')).stderr).toContain('not valid');
    expect(await set(condition)).toMatchObject({ code: 0 });
    const listed = await on.cli('audit', 'legitimacy', 'list', ...ours);
    expect(listed.stdout).toContain(condition);
    expect(await on.cli('audit', 'legitimacy', 'remove', 'probes', ...ours)).toMatchObject({
      code: 0,
    });
    expect(await on.cliJson('audit', 'legitimacy', 'list', ...ours)).toMatchObject({ data: [] });
  });
});
