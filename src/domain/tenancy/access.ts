import type { ApiKeyId, TenantId, UserId } from '../ids.js';
import type { Actor } from '../provenance.js';

/** What somebody may do. Each route and each command needs one of these. */
export type Permission =
  | 'register'
  | 'telemetry:write'
  | 'telemetry:read'
  | 'alerting:read'
  | 'alerting:write'
  | 'tenant:read'
  | 'tenant:admin'
  | 'audit:read'
  | 'log:seal'
  | 'quarantine'
  | 'erase'
  | 'deploy'
  | 'operate';

/** A person's place in a tenant, the lesser first. */
const ranks = ['viewer', 'admin', 'owner'] as const;

/**
 * What a person is in a tenant. An auditor stands in no rank: reads everything, what is kept for proving included,
 * and changes nothing.
 */
export const roles = [...ranks, 'auditor'] as const;
export type Role = (typeof roles)[number];

/** What an API key is for. */
export const scopes = ['ingest', 'read', 'alerting', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** Somebody who has shown who they are, and what they may do. */
export interface Principal {
  readonly actor: Actor;
  /** Absent: nobody's in particular (anonymous, operator). */
  readonly tenant_id?: TenantId;
  readonly role?: Role;
  readonly permissions: ReadonlySet<Permission>;
}

const reading: readonly Permission[] = ['telemetry:read', 'alerting:read', 'tenant:read'];
const administering: readonly Permission[] = [
  ...reading,
  'telemetry:write',
  'alerting:write',
  'tenant:admin',
  'audit:read',
  'quarantine',
  'erase',
];

const ofRole: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: reading,
  admin: administering,
  owner: administering,
  auditor: [...reading, 'audit:read'],
};

const ofScope: Readonly<Record<Scope, readonly Permission[]>> = {
  ingest: ['telemetry:write'],
  read: reading,
  alerting: ['alerting:read', 'alerting:write'],
  admin: administering,
};

export const userPrincipal = (tenant_id: TenantId, id: UserId, role: Role): Principal => ({
  actor: { kind: 'user', id },
  tenant_id,
  role,
  permissions: new Set(ofRole[role]),
});

export const apiKeyPrincipal = (tenant_id: TenantId, id: ApiKeyId, granted: readonly Scope[]): Principal => ({
  actor: { kind: 'api_key', id },
  tenant_id,
  permissions: new Set(granted.flatMap((scope) => ofScope[scope])),
});

/** Whoever has shown nothing: may register a tenant and sign in. */
export const anonymousPrincipal: Principal = {
  actor: { kind: 'anonymous', id: 'anonymous' },
  permissions: new Set(['register']),
};

/**
 * Who runs the server: may deploy, say what tenants are allowed, see and set aside what a deployment introduced, and
 * erase people and their telemetry, whichever tenant's; nothing else of a tenant's data.
 */
export const operatorPrincipal: Principal = {
  actor: { kind: 'operator', id: 'operator' },
  permissions: new Set(['deploy', 'operate', 'audit:read', 'quarantine', 'erase']),
};

/** A process manager acting for a tenant, or for the log as a whole, with what it may do. */
export const processPrincipal = (
  name: string,
  tenant_id: TenantId | undefined,
  permission: Permission,
): Principal => ({
  actor: { kind: 'process', id: name },
  ...(tenant_id && { tenant_id }),
  permissions: new Set([permission]),
});

/** Whether somebody may give a role to another: nobody gives more than they have. */
export const mayGrant = (granting: Role, granted: Role): boolean =>
  granting !== 'viewer' &&
  granting !== 'auditor' &&
  (granted === 'auditor' || ranks.indexOf(granted) <= ranks.indexOf(granting));
