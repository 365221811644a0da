import type { ApiServer } from '../api/server.js';
import type { Authenticator } from '../commands/access/authenticator.js';
import type { AccessServices } from '../commands/access/services.js';
import type { TenantSettings } from '../commands/access/tenant-settings.js';
import type { AccessTokens } from '../commands/access/tokens.js';
import type { Claims } from '../commands/claims.js';
import type { DeploymentGuard } from '../commands/guard.js';
import type { CommandPipeline } from '../commands/handle.js';
import type { IngestIssues } from '../commands/ingest/ingest-issues.js';
import type { TelemetryIngest } from '../commands/ingest/ingest.js';
import type { Quotas } from '../commands/ingest/quotas.js';
import type { RefusedActs } from '../commands/refused-acts.js';
import type { Instance, RecordWriter } from '../commands/writer.js';
import type { ClientIds } from '../clientids/client-ids.js';
import type { Deployments } from '../deployments/deployments.js';
import type { NoteSigner } from '../domain/integrity/signed-note.js';
import type { Eraser } from '../people/eraser.js';
import type { EventLog } from '../eventstore/event-store.js';
import type { OpenedLog } from '../people/opened-log.js';
import type { People } from '../people/people.js';
import type { Pseudonyms } from '../people/pseudonyms.js';
import type { Chore } from '../platform/chores.js';
import type { Clock } from '../platform/clock.js';
import type { Config } from '../platform/config.js';
import type { Logger } from '../platform/logger.js';
import type { Metrics } from '../platform/metrics.js';
import type { PasswordHasher } from '../platform/password.js';
import type { Random } from '../platform/random.js';
import type { ServerKeys } from '../platform/secrets.js';
import type { CheckpointSealer } from '../processes/checkpoints/checkpoint-sealer.js';
import type { ErasureDesk } from '../processes/erasure/erasure-desk.js';
import type { SearchProgress } from '../processes/erasure/search-progress.js';
import type { ProcessManager } from '../processes/process-manager.js';
import type { Ahead } from '../projections/decoding/decoding-threads.js';
import type { ReadModels } from '../projections/read-models.js';
import type { ProjectionHost } from '../projections/runner/host.js';
import type { CurrentQuarantines } from '../quarantine/current.js';
import type { VisibleLog } from '../quarantine/visible-log.js';
import type { Operations } from '../replay/operations.js';
import type { Past } from '../replay/past/past.js';
import type { Replays } from '../replay/replays/replays.js';
import type { Stores } from '../stores.js';

/** What a process is made of besides its code: read before anything is composed. */
export interface Given {
  readonly config: Config;
  readonly release: string;
  readonly keys: ServerKeys;
  readonly operator_token: string;
  /** Absent: no checkpoint of the log is signed. */
  readonly signer?: NoteSigner;
  readonly stores: Stores;
  /** Makes ready in threads what a rebuild reads; absent: it is done where it comes up. */
  readonly ahead?: Ahead;
}

/** Reads what the log has new when it is started, and keeps up with it until it is closed. */
export type StartedClientIds = ClientIds & { start(): Promise<void>; close(): Promise<void> };

/** A process manager, whatever it reacts with. */
export type RunningProcess = Pick<ProcessManager<unknown>, 'start' | 'stop' | 'status'>;

declare const part: unique symbol;

/** The name of a part, and in its type what the part is. */
export type Token<T> = symbol & { readonly [part]?: T };

/** Gives the part of a name, made when it is asked for first. */
export type Get = <T>(token: Token<T>) => T;

/** Says how a part is made of others. */
export type Bind = <T>(token: Token<T>, make: (get: Get) => T) => void;

const token = <T>(name: string): Token<T> => Symbol(name);

/** The parts, by name. Whoever composes asks for these. */
export const tokens = {
  clock: token<Clock>('clock'),
  random: token<Random>('random'),
  logger: token<Logger>('logger'),
  metrics: token<Metrics>('metrics'),
  instance: token<Instance>('instance'),
  guard: token<DeploymentGuard>('guard'),
  writer: token<RecordWriter>('writer'),
  claims: token<Claims>('claims'),
  clientIds: token<StartedClientIds>('client ids'),
  people: token<People>('people'),
  pseudonyms: token<Pseudonyms | undefined>('pseudonyms of people in telemetry'),
  namedLog: token<EventLog>('log with the people of telemetry by their names'),
  openedLog: token<OpenedLog>('opened log'),
  models: token<ReadModels>('opened read models'),
  eraser: token<Eraser>('eraser'),
  quarantines: token<CurrentQuarantines>('quarantines'),
  visibleLog: token<VisibleLog>('visible log'),
  passwords: token<PasswordHasher>('passwords'),
  accessTokens: token<AccessTokens>('access tokens'),
  authenticator: token<Authenticator>('authenticator'),
  settings: token<TenantSettings>('tenant settings'),
  access: token<AccessServices>('access services'),
  pipeline: token<CommandPipeline>('command pipeline'),
  ingest: token<TelemetryIngest>('telemetry ingest'),
  issues: token<IngestIssues>('ingest issues'),
  quotas: token<Quotas>('quotas'),
  refusedActs: token<RefusedActs>('refused acts'),
  searches: token<SearchProgress>('searches for what is to be erased'),
  erasures: token<ErasureDesk>('erasures'),
  host: token<ProjectionHost>('projection host'),
  sealer: token<CheckpointSealer | undefined>('checkpoint sealer'),
  processes: token<readonly RunningProcess[]>('process managers'),
  operations: token<Operations>('operations'),
  past: token<Past>('past'),
  replays: token<Replays>('replays'),
  deployments: token<Deployments>('deployments'),
  chores: token<readonly Chore[]>('chores'),
  api: token<ApiServer>('api'),
} as const;
