/**
 * Identifiers. Each is a string at rest and a type of its own in the code, so that a tenant's id cannot be
 * handed over where a rule's is wanted. A public id is a prefix and 32 hexadecimal digits of a UUID:
 * `ten_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f`.
 */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type TenantId = Brand<string, 'TenantId'>;
export type UserId = Brand<string, 'UserId'>;
export type ApiKeyId = Brand<string, 'ApiKeyId'>;
export type RuleId = Brand<string, 'RuleId'>;
export type AlertId = Brand<string, 'AlertId'>;
export type DeploymentId = Brand<string, 'DeploymentId'>;
export type QuarantineId = Brand<string, 'QuarantineId'>;
export type ErasureId = Brand<string, 'ErasureId'>;

/** A record's id in the log: a UUID in its usual form with hyphens, unique over the whole log for ever. */
export type EventId = Brand<string, 'EventId'>;

/** The prefix of each kind of public id. */
export const idPrefixes = {
  tenant: 'ten_',
  user: 'usr_',
  apiKey: 'key_',
  telemetry: 'evt_',
  rule: 'rul_',
  alert: 'alr_',
  deployment: 'dep_',
  replay: 'rpl_',
  quarantine: 'qua_',
  erasure: 'era_',
} as const;
export type IdKind = keyof typeof idPrefixes;

export interface IdTypes {
  tenant: TenantId;
  user: UserId;
  apiKey: ApiKeyId;
  telemetry: string;
  rule: RuleId;
  alert: AlertId;
  deployment: DeploymentId;
  replay: string;
  quarantine: QuarantineId;
  erasure: ErasureId;
}

/** The partition of read models that belongs to no tenant: the directory of credentials, deployments. */
export const SYSTEM_TENANT = '_system' as TenantId;

/** Makes a public id from a UUID (with or without hyphens). */
export const publicId = <K extends IdKind>(kind: K, uuid: string): IdTypes[K] =>
  (idPrefixes[kind] + uuid.replaceAll('-', '')) as IdTypes[K];

/** The UUID inside a public id, with hyphens; undefined where the text is not an id of that kind. */
export const uuidOf = (kind: IdKind, id: string): string | undefined => {
  const prefix = idPrefixes[kind];
  const hex = id.slice(prefix.length);
  if (!id.startsWith(prefix) || !/^[0-9a-f]{32}$/.test(hex)) return undefined;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
