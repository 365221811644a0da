import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Json, JsonObject } from '../../src/domain/json.js';
import { alertSummary } from '../../src/projections/alert-summary/projection.js';
import { getAlertSummary } from '../../src/projections/alert-summary/query.js';
import { alerts } from '../../src/projections/alerts/projection.js';
import { getAlert, listAlerts, type AlertFilter } from '../../src/projections/alerts/query.js';
import { apiKeys } from '../../src/projections/api-keys/projection.js';
import { getApiKey, listApiKeys } from '../../src/projections/api-keys/query.js';
import { rules } from '../../src/projections/rules/projection.js';
import { getRule, listRules } from '../../src/projections/rules/query.js';
import type { ProjectionHost } from '../../src/projections/runner/host.js';
import { tenants } from '../../src/projections/tenants/projection.js';
import { getTenant } from '../../src/projections/tenants/query.js';
import { users } from '../../src/projections/users/projection.js';
import { getUser, listUsers } from '../../src/projections/users/query.js';
import { acme, other } from '../support/ledger.js';
import { MemoryEventLog } from '../support/memory-event-log.js';
import { MemoryReadStore } from '../support/memory-read-store.js';
import { caughtUp, hostOver } from '../support/projected.js';

const projections = [alerts, alertSummary, rules, tenants, users, apiKeys];
const hour = (number: number): string => new Date(Date.UTC(2026, 0, 1, number)).toISOString();

describe('the alerting read models', () => {
  const log = new MemoryEventLog(() => 4);
  const store = new MemoryReadStore();
  let host: ProjectionHost;

  const alert = (id: string, type: string, at: string, data: JsonObject = {}, tenant = acme): void => {
    const facts: JsonObject = {
      alert_id: id,
      rule_id: `rul_${id.at(-1) ?? ''}`,
      rule_name: 'Errors',
      severity: id.startsWith('alr_c') ? 'critical' : 'warning',
      group: { service: 'checkout' },
      metric: 'error_count',
      operator: '>',
      value: 7,
      threshold: 5,
      window_seconds: 60,
      evaluated_at: at,
    };
    const begins = type === 'AlertPending' || type === 'AlertFired';
    log.append(tenant, `alert-${id}`, type, begins ? { ...facts, ...data } : data, { recorded_at: at });
  };

  beforeAll(async () => {
    alert('alr_c1', 'AlertPending', hour(1));
    alert('alr_c1', 'AlertFired', hour(2), { value: 9 });
    alert('alr_w2', 'AlertFired', hour(3));
    alert('alr_c1', 'AlertAcknowledged', hour(4), { by: 'usr_ada', note: 'on it' });
    alert('alr_w3', 'AlertPending', hour(5));
    alert('alr_w3', 'AlertResolved', hour(6), { by: 'evaluation' });
    alert('alr_w2', 'AlertResolved', hour(7), { by: 'evaluation', value: 1 });
    alert('alr_c4', 'AlertFired', hour(8));
    alert('alr_c4', 'AlertEscalated', hour(9), { by: 'usr_ada' });
    alert('alr_c5', 'AlertFired', hour(8), {}, other);
    host = await hostOver(log, store, projections);
    await caughtUp(host, log, projections);
  });
  afterAll(() => host.stop());

  const list = async (filter: AlertFilter, limit = 50): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (let after: Json | undefined; ;) {
      const page = await listAlerts(host, acme, { ...filter, limit, ...(after !== undefined && { after }) });
      ids.push(...(page?.data ?? []).map(({ id }) => id));
      expect(page?.data.length).toBeLessThanOrEqual(limit);
      if (page?.next === undefined) return ids;
      after = page.next;
    }
  };

  it('show an alert with everything that happened to it', async () =>
    expect(await getAlert(host, acme, 'alr_c1')).toEqual({
      id: 'alr_c1',
      rule_id: 'rul_1',
      rule_name: 'Errors',
      severity: 'critical',
      group: { service: 'checkout' },
      state: 'acknowledged',
      metric: 'error_count',
      operator: '>',
      value: 9,
      threshold: 5,
      window_seconds: 60,
      started_at: hour(1),
      pending_since: hour(1),
      fired_at: hour(2),
      acknowledged_at: hour(4),
      acknowledged_by: 'usr_ada',
      note: 'on it',
      history: [
        { at: hour(1), what: 'pending', by: 'evaluation' },
        { at: hour(2), what: 'fired', by: 'evaluation' },
        { at: hour(4), what: 'acknowledged', by: 'usr_ada', note: 'on it' },
      ],
      version: 3,
      position: log.events[3]?.position,
    }));

  it('show no alert of another tenant’s', async () => {
    expect(await getAlert(host, acme, 'alr_c5')).toBeUndefined();
    expect(await list({ state: 'firing' })).toEqual([]);
  });

  it.each<[AlertFilter, readonly string[]]>([
    [{}, ['alr_c4', 'alr_w3', 'alr_w2', 'alr_c1']],
    [{ state: 'resolved' }, ['alr_w3', 'alr_w2']],
    [{ severity: 'critical' }, ['alr_c4', 'alr_c1']],
    [{ severity: 'critical', state: 'escalated' }, ['alr_c4']],
    [{ rule_id: 'rul_2' }, ['alr_w2']],
    [{ rule_id: 'rul_2', state: 'escalated' }, []],
    [{ from: hour(3) }, ['alr_c4', 'alr_w3', 'alr_w2']],
    [{ from: '2026-01-01T04:00:00+01:00', to: hour(8) }, ['alr_w3', 'alr_w2']],
    [{ from: 'yesterday' }, []],
  ])('list alerts that are %j, the newest first, in pages of any size', async (filter, ids) => {
    for (const limit of [1, 2, 3, 50]) expect(await list(filter, limit)).toEqual(ids);
  });

  it('refuse a place that is none in the list asked for', async () => {
    for (const after of [1, 'x', [], ['x'], [hour(1), 1], [{}, 'alr_c1'], [hour(1), 'firing', 'alr_c1']])
      expect(await listAlerts(host, acme, { limit: 1, after })).toBeUndefined();
    expect(
      await listAlerts(host, acme, { limit: 1, state: 'firing', after: ['pending', hour(1), 'a'] }),
    ).toBeUndefined();
  });

  it('sum up alerts by state, severity and hour, and leave those that never fired out of what was resolved', async () => {
    const summary = await getAlertSummary(host, acme, Date.parse(hour(9)) + 1);
    expect(summary.by_state).toEqual({ pending: 0, firing: 0, acknowledged: 1, escalated: 1, resolved: 1 });
    expect(summary.by_severity).toEqual({ info: 0, warning: 0, critical: 2 });
    expect(summary.recent.map(({ id, state }) => [id, state])).toEqual([
      ['alr_c4', 'escalated'],
      ['alr_w3', 'resolved'],
      ['alr_w2', 'resolved'],
      ['alr_c1', 'acknowledged'],
    ]);
    expect(summary.trend).toHaveLength(24);
    expect(summary.trend.at(-1)?.time).toBe(hour(9));
    expect(summary.trend.filter(({ fired, resolved }) => fired + resolved > 0)).toEqual([
      { time: hour(2), fired: 1, resolved: 0 },
      { time: hour(3), fired: 1, resolved: 0 },
      { time: hour(7), fired: 0, resolved: 1 },
      { time: hour(8), fired: 1, resolved: 0 },
    ]);
    expect(await getAlertSummary(host, 'ten_new' as never, 0)).toMatchObject({
      recent: [],
      by_state: { firing: 0 },
    });
  });

  it('keep an open alert among the recent ones while resolved ones go', async () => {
    for (let number = 0; number < 30; number += 1) {
      alert(`alr_x${number}`, 'AlertFired', hour(10), {}, other);
      alert(`alr_x${number}`, 'AlertResolved', hour(10), { by: 'evaluation' }, other);
    }
    await caughtUp(host, log, projections);
    const { recent } = await getAlertSummary(host, other, Date.parse(hour(10)));
    expect(recent).toHaveLength(20);
    expect([recent[0]?.id, recent.at(-1)?.id]).toEqual(['alr_x29', 'alr_c5']);
  });

  it('show rules as they are now, and not those that were deleted', async () => {
    const definition = {
      name: 'Errors',
      severity: 'critical',
      enabled: true,
      condition: { metric: 'error_count', operator: '>', threshold: 5 },
      window_seconds: 60,
      for_seconds: 0,
    };
    log.append(acme, 'rule-rul_1', 'AlertRuleDefined', { rule_id: 'rul_1', ...definition });
    log.append(acme, 'rule-rul_2', 'AlertRuleDefined', { rule_id: 'rul_2', ...definition, name: 'Other' });
    log.append(acme, 'rule-rul_1', 'AlertRuleChanged', { rule_id: 'rul_1', ...definition, enabled: false });
    const [defined, , changed] = log.events.slice(-3);
    await caughtUp(host, log, projections);
    expect(await getRule(host, acme, 'rul_1')).toEqual({
      ...definition,
      id: 'rul_1',
      enabled: false,
      version: 2,
      created_at: defined?.metadata.recorded_at,
      updated_at: changed?.metadata.recorded_at,
      position: changed?.position,
    });
    log.append(acme, 'rule-rul_2', 'AlertRuleDeleted', { rule_id: 'rul_2' });
    await caughtUp(host, log, projections);
    expect((await listRules(host, acme, { limit: 10 }))?.data.map(({ id }) => id)).toEqual(['rul_1']);
    expect(await getRule(host, other, 'rul_1')).toBeUndefined();
  });

  it('show a tenant with its people and keys, and nothing that opens a door', async () => {
    const hash = 'secret-hash';
    log.append(acme, 'user-usr_1', 'UserRegistered', {
      user_id: 'usr_1',
      tenant_id: acme,
      email: 'ada@example.com',
      role: 'owner',
    });
    log.append(acme, 'user-usr_1', 'PasswordSet', { hash });
    log.append(acme, 'apikey-key_1', 'ApiKeyIssued', {
      key_id: 'key_1',
      tenant_id: acme,
      name: 'first',
      scopes: ['ingest'],
      hash,
    });
    log.append(acme, `tenant-${acme}`, 'TenantRegistered', {
      tenant_id: acme,
      name: 'Acme',
      owner_id: 'usr_1',
    });
    log.append(acme, 'apikey-key_1', 'ApiKeyRevoked', { key_id: 'key_1' });
    await caughtUp(host, log, projections);
    const tenant = await getTenant(host, acme);
    const user = await getUser(host, acme, 'usr_1');
    const key = await getApiKey(host, acme, 'key_1');
    expect(tenant).toMatchObject({ id: acme, name: 'Acme', owner_id: 'usr_1' });
    expect(user).toMatchObject({ id: 'usr_1', email: 'ada@example.com', role: 'owner' });
    expect(key).toMatchObject({
      id: 'key_1',
      name: 'first',
      scopes: ['ingest'],
      revoked_at: log.events.at(-1)?.metadata.recorded_at,
    });
    expect((await listUsers(host, acme, { limit: 5 }))?.data).toEqual([user]);
    expect((await listApiKeys(host, acme, { limit: 5 }))?.data).toEqual([key]);
    expect(JSON.stringify([tenant, user, key])).not.toContain(hash);
  });

  it('park nothing on the way', () => expect(host.parked()).toEqual([]));
});
