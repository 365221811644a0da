import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ApiKeyId, TenantId, UserId } from '../../../src/domain/ids.js';
import {
  anonymousPrincipal,
  apiKeyPrincipal,
  mayGrant,
  operatorPrincipal,
  processPrincipal,
  roles,
  scopes,
  userPrincipal,
  type Principal,
} from '../../../src/domain/tenancy/access.js';

const tenant = 'ten_1' as TenantId;
const user = (role: (typeof roles)[number]): Principal => userPrincipal(tenant, 'usr_1' as UserId, role);
const key = (...granted: (typeof scopes)[number][]): Principal =>
  apiKeyPrincipal(tenant, 'key_1' as ApiKeyId, granted);
const may = ({ permissions }: Principal): string[] => [...permissions].sort();

const reading = ['alerting:read', 'telemetry:read', 'tenant:read'];
const everything = [
  'alerting:read',
  'alerting:write',
  'audit:read',
  'erase',
  'quarantine',
  'telemetry:read',
  'telemetry:write',
  'tenant:admin',
  'tenant:read',
];

describe('who may do what', () => {
  it.each<[string, Principal, string[]]>([
    ['a viewer', user('viewer'), reading],
    ['an admin', user('admin'), everything],
    ['an owner', user('owner'), everything],
    ['an auditor', user('auditor'), ['alerting:read', 'audit:read', 'telemetry:read', 'tenant:read']],
    ['a key that ingests', key('ingest'), ['telemetry:write']],
    ['a key that reads', key('read'), reading],
    ['a key for alerting', key('alerting'), ['alerting:read', 'alerting:write']],
    ['a key for everything', key('admin'), everything],
    ['nobody in particular', anonymousPrincipal, ['register']],
    ['the operator', operatorPrincipal, ['audit:read', 'deploy', 'erase', 'operate', 'quarantine']],
    ['a process', processPrincipal('alert-evaluation', tenant, 'alerting:write'), ['alerting:write']],
  ])('%s', (_who, principal, permissions) => {
    expect(may(principal)).toEqual(permissions);
  });

  it('a key may what any of its scopes may, and nothing else', () =>
    fc.assert(
      fc.property(fc.subarray([...scopes]), (granted) => {
        const separately = new Set(granted.flatMap((scope) => may(key(scope))));
        expect(may(key(...granted))).toEqual([...separately].sort());
      }),
      { seed: 1 },
    ));

  it('neither the operator nor a stranger belongs to a tenant', () => {
    expect(operatorPrincipal.tenant_id).toBeUndefined();
    expect(anonymousPrincipal.tenant_id).toBeUndefined();
  });

  it.each([
    ['viewer', []],
    ['auditor', []],
    ['admin', ['viewer', 'admin', 'auditor']],
    ['owner', ['viewer', 'admin', 'owner', 'auditor']],
  ] as const)('%s gives no more than they have', (role, granted) => {
    expect(roles.filter((other) => mayGrant(role, other))).toEqual(granted);
  });
});
