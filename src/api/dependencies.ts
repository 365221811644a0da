import type { CommandPipeline } from '../commands/handle.js';
import type { TenantSettings } from '../commands/access/tenant-settings.js';
import type { Authenticator } from '../commands/access/authenticator.js';
import type { RefusedActs } from '../commands/refused-acts.js';
import type { IngestIssues } from '../commands/ingest/ingest-issues.js';
import type { Quotas } from '../commands/ingest/quotas.js';
import type { TelemetryIngest } from '../commands/ingest/ingest.js';
import type { Deployments } from '../deployments/deployments.js';
import type { GuardState } from '../domain/deployment/deployment.js';
import type { TenantId } from '../domain/ids.js';
import type { Limits } from '../domain/tenancy/limits.js';
import type { EventLog } from '../eventstore/event-store.js';
import type { Clock } from '../platform/clock.js';
import type { Logger } from '../platform/logger.js';
import type { Metrics } from '../platform/metrics.js';
import type { Random } from '../platform/random.js';
import type { ReadModels } from '../projections/read-models.js';
import type { HostStatus } from '../projections/runner/status.js';
import type { ErasureDesk } from '../processes/erasure/erasure-desk.js';
import type { ProcessStatus } from '../processes/process-manager.js';
import type { Detection } from '../replay/detection/detection.js';
import type { Proofs } from '../replay/proofs/proofs.js';
import type { Operations } from '../replay/operations.js';
import type { Past } from '../replay/past/past.js';
import type { Replays } from '../replay/replays/replays.js';
import type { CurrentQuarantines } from '../quarantine/current.js';
import type { ReadStore } from '../readstore/read-store.js';
import type { Tickets } from './realtime/tickets.js';

/** What holds for tenants for which nothing else was set. */
export interface ServerLimits extends Limits {
  /** Sign-ins and registrations from an address. */
  readonly sign_ins_per_minute: number;
}

/** The part of the configuration that the API looks at. */
export interface ApiConfig {
  readonly release: string;
  readonly instance_id: string;
  /** Where browsers reach this server, where it is not what the request says. */
  readonly public_url?: string;
  /** Origins besides its own that browsers may call from. */
  readonly cors_origins: readonly string[];
  /** How many reverse proxies stand in front. */
  readonly trust_proxy: number;
  /** Whether made-up events are taken. */
  readonly demo_data: boolean;
  /** Whether anyone may register a tenant. */
  readonly registration: boolean;
  readonly limits: ServerLimits;
  /** Whether what one person proposes to set aside another has to approve. */
  readonly quarantine_two_people: boolean;
  /** Memory for telemetry that is being received or waits to be stored. */
  readonly ingest_memory_bytes: number;
  /** The directory of the built page. */
  readonly web_root?: string;
}

/** What the API is made of: the composition hands it in, a test hands in what it needs. */
export interface ApiDependencies {
  readonly pipeline: Pick<CommandPipeline, 'execute'>;
  readonly authenticator: Pick<Authenticator, 'authenticate' | 'remembered' | 'operatorPrincipal'>;
  readonly settings: Pick<TenantSettings, 'of'>;
  readonly ingest: Pick<TelemetryIngest, 'one' | 'batch' | 'events'>;
  readonly quotas: Pick<Quotas, 'standing' | 'exhausted'>;
  readonly issues: Pick<IngestIssues, 'note' | 'of'>;
  readonly refusedActs: Pick<RefusedActs, 'note' | 'find'>;
  /** Without what is set aside, as a tenant is shown them. */
  readonly models: ReadModels;
  readonly log: EventLog;
  /** The log without what is set aside: what a tenant is shown comes from here. */
  readonly visible_log: EventLog;
  /** What is set aside now. */
  readonly quarantines: Pick<CurrentQuarantines, 'of' | 'decidedAt'>;
  /** What is erased, and what an erasure would take. */
  readonly erasures: Pick<ErasureDesk, 'count' | 'list' | 'find'>;
  readonly readStore: Pick<ReadStore, 'health'>;
  readonly guard: { readonly state: GuardState };
  /** How the read models stand against the log. */
  readonly projections: () => Promise<HostStatus>;
  /** How the process managers stand. */
  readonly processes: () => readonly ProcessStatus[];
  /** The operator's long work on this process. */
  readonly operations: Pick<Operations, 'status' | 'logStat' | 'start' | 'job'>;
  /** What was, at any moment. */
  readonly past: Pick<Past, 'records' | 'stateOf' | 'documentsAt'>;
  /** What proves the log; absent where there is no key. */
  readonly proofs?: Pick<Proofs, keyof Proofs>;
  /** What deployments introduced, and what looks made up. */
  readonly detection: Pick<Detection, 'report' | 'suspected'>;
  /** Dry runs over the past. */
  readonly replays: Pick<Replays, 'start' | 'list' | 'get' | 'pause' | 'resume' | 'cancel'>;
  readonly deployments: Pick<
    Deployments,
    'status' | 'history' | 'begin' | 'verify' | 'rollBack' | 'complete' | 'override'
  >;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: ApiConfig;
}

/** A tenant's sockets on this server. */
export interface ConnectionStats {
  readonly connections: number;
  readonly connections_limit: number;
  readonly subscriptions: number;
  readonly by_topic: Readonly<Record<string, number>>;
}

/** What the server adds for its routes. */
export interface ApiServices extends ApiDependencies {
  readonly tickets: Tickets;
  readonly connections: (tenant: TenantId) => ConnectionStats;
}
