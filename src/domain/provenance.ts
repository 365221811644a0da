import type { DeploymentId, TenantId } from './ids.js';
import type { Personal } from './sealed.js';

/** Who caused a record. `process` is a process manager, by name; `anonymous` only ever registers a tenant. */
export interface Actor {
  readonly kind: 'user' | 'api_key' | 'operator' | 'process' | 'anonymous';
  readonly id: string;
}

/** From where on the network a request came. Personal data of whoever sent it. */
export interface ClientOrigin {
  readonly address: string;
  /** As the client names itself, cut where it is long. */
  readonly user_agent?: string;
}

/** Through which door a record came. `demo`: made up, to show what there is to see. */
export type Origin = 'api' | 'otlp' | 'import' | 'cli' | 'process_manager' | 'deployment' | 'demo';

/**
 * Where a record comes from; part of every record's metadata.
 * Stamped by the one writer from the request's context, never taken from a body.
 * Stored format: names and fields are on disk for good.
 */
export interface Provenance {
  /** Absent on records that belong to no tenant (deployments). */
  readonly tenant_id?: TenantId;
  readonly actor: Actor;
  readonly origin: Origin;
  readonly request_id: string;
  /** The same for everything that one request set off, however indirectly. */
  readonly correlation_id: string;
  /** The record that caused this one, or the request where a request did. */
  readonly causation_id: string;
  readonly instance_id: string;
  readonly release: string;
  readonly deployment_id?: DeploymentId;
  /** The deployment guard's epoch when the record was appended. */
  readonly guard_epoch: number;
  /** RFC 3339, UTC, milliseconds; never decreases along the log of one writer. */
  readonly recorded_at: string;
  /** Of requests with an `Idempotency-Key`: SHA-256 of the key in its scope, and of the body. */
  readonly idempotency?: { readonly key: string; readonly body: string };
  /**
   * Of commands that came over the network; not of telemetry, whose records hold what many requests sent. Sealed under
   * the key of whoever acts.
   */
  readonly client?: Personal<ClientOrigin>;
}
