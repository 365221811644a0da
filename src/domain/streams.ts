import type { AlertId, ApiKeyId, RuleId, TenantId, UserId } from './ids.js';

/** The names of streams. What stands in them is a domain module's business. */
export const tenantStream = (id: TenantId): string => `tenant-${id}`;
export const userStream = (id: UserId): string => `user-${id}`;
/** An e-mail address is reserved here; it stands under a keyed pseudonym. */
export const emailStream = (pseudonym: string): string => `email-${pseudonym}`;
export const apiKeyStream = (id: ApiKeyId): string => `apikey-${id}`;
export const sessionStream = (id: string): string => `session-${id}`;
export const ruleStream = (id: RuleId): string => `rule-${id}`;
/** What the names of all alerts' streams begin with. */
export const ALERT_STREAMS = 'alert-';
export const alertStream = (id: AlertId): string => ALERT_STREAMS + id;
/** What a tenant's paths are shown as: its own patterns, and what was learned. */
export const routesStream = (id: TenantId): string => `routes-${id}`;
/** What was retired of a tenant's telemetry. */
export const retirementsStream = (id: TenantId): string => `retention-${id}`;
/** What is set aside of a tenant's records, and what sets it aside. */
export const quarantineStream = (id: TenantId): string => `quarantine-${id}`;
/** What a tenant says of its records: which are legitimate, and which are not. */
export const legitimacyStream = (id: TenantId): string => `legitimacy-${id}`;
/** Whose telemetry a tenant asked to be erased, and what was cut out of which chunks for it. */
export const erasuresStream = (id: TenantId): string => `erasures-${id}`;
/** Who was erased, of all tenants: one stream, so that a start finds what was not carried out. */
export const erasedPeopleStream = 'erased-people';
/** All deployments: one stream, so that one at a time is a matter of the exact revision. */
export const deploymentsStream = 'deployments';
/** Signed checkpoints of the log itself. */
export const sealsStream = 'seals';
