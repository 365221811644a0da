import 'reflect-metadata';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Container, type ServiceIdentifier } from 'inversify';
import type { ApiConfig, ApiDependencies, ServerLimits } from './api/dependencies.js';
import { ApiServer } from './api/server.js';
import { TenantSettings } from './commands/access/tenant-settings.js';
import { Authenticator } from './commands/access/authenticator.js';
import type { AccessServices } from './commands/access/services.js';
import { AccessTokens } from './commands/access/tokens.js';
import { Claims } from './commands/claims.js';
import { DeploymentGuard } from './commands/guard.js';
import { GuardReader } from './commands/guard-following.js';
import { CommandPipeline } from './commands/handle.js';
import { ChunkWriter } from './commands/ingest/chunk-writer.js';
import { Quotas } from './commands/ingest/quotas.js';
import { IngestIssues } from './commands/ingest/ingest-issues.js';
import { TelemetryIngest } from './commands/ingest/ingest.js';
import { RefusedActs } from './commands/refused-acts.js';
import { RecordWriter, type Instance } from './commands/writer.js';
import { publicId } from './domain/ids.js';
import { Eraser } from './people/eraser.js';
import { OpenedLog } from './people/opened-log.js';
import { People } from './people/people.js';
import { Deployments } from './deployments/deployments.js';
import type { Chore } from './platform/chores.js';
import type { NoteSigner } from './domain/integrity/signed-note.js';
import { sha256 } from './eventstore/tree-file.js';
import { systemClock, type Clock } from './platform/clock.js';
import type { Config } from './platform/config.js';
import { makeLogger, type Logger } from './platform/logger.js';
import { makeMetrics, type Metrics } from './platform/metrics.js';
import { PasswordWorker, type PasswordHasher } from './platform/password.js';
import { systemRandom, type Random } from './platform/random.js';
import type { ServerKeys } from './platform/secrets.js';
import { uuidV7 } from './platform/uuid.js';
import { alertEvaluation } from './processes/alert-evaluation/alert-evaluation.js';
import { recordThrough } from './processes/alert-evaluation/record-transition.js';
import { dropRetired } from './processes/retention/drop-retired.js';
import {
  completeTelemetryErasure,
  eraseTelemetry,
  type ErasingTools,
} from './processes/erasure/erase-telemetry.js';
import { ErasureDesk } from './processes/erasure/erasure-desk.js';
import { SearchProgress } from './processes/erasure/search-progress.js';
import { retention } from './processes/retention/retention.js';
import { runRetention } from './processes/retention/run-retention.js';
import { retireOldest, type RetireOldest } from './processes/retention/retire-telemetry.js';
import { recordLessons } from './processes/route-learning/record-lessons.js';
import { routeLearning } from './processes/route-learning/route-learning.js';
import { ProcessManager, type ProcessDependencies } from './processes/process-manager.js';
import { Snapshots } from './processes/snapshots.js';
import { projections } from './projections/all.js';
import { usage } from './projections/usage/projection.js';
import { usageOf } from './projections/usage/query.js';
import { OpenedModels } from './projections/opened-models.js';
import type { ReadModels } from './projections/read-models.js';
import type { Ahead } from './projections/decoding/decoding-threads.js';
import { ProjectionHost } from './projections/runner/host.js';
import { VisibleModels } from './projections/visible-models.js';
import { CheckpointSealer } from './processes/checkpoints/checkpoint-sealer.js';
import { recordSeal } from './processes/checkpoints/record-seal.js';
import { witnessesOf } from './processes/checkpoints/witnesses.js';
import { CurrentQuarantines } from './quarantine/current.js';
import { VisibleLog } from './quarantine/visible-log.js';
import { Proofs } from './replay/proofs/proofs.js';
import { Operations } from './replay/operations.js';
import { Detection } from './replay/detection/detection.js';
import { Past } from './replay/past/past.js';
import { Replays } from './replay/replays/replays.js';
import type { ClientIds } from './clientids/client-ids.js';
import { clientIdsOn, type Stores } from './stores.js';

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
type StartedClientIds = ClientIds & { start(): Promise<void>; close(): Promise<void> };

/** Chunks of a tenant that go into an embedded log behind one another: one is hashed, one written, one collected. */
const CHUNKS_UNDER_WAY = 3;

/** How long a record of another process may take from its stamp, and its look at the guard, into the log. */
const OTHER_WRITERS_MS = 1_000;

const HOUR_MS = 3_600_000;
/** How long the first request of a tenant with a quota waits until its day is counted. */
const USAGE_PATIENCE_MS = 2_000;

/** A process manager, whatever it reacts with. */
type RunningProcess = Pick<ProcessManager<unknown>, 'start' | 'stop' | 'status'>;

const token = <T>(name: string): ServiceIdentifier<T> => Symbol(name);

/** The parts, by name. Whoever composes asks for these; nobody else knows the container. */
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

/** Puts the process together; nothing is started. */
export const compose = (given: Given): Container => {
  const { config, release, keys, operator_token, stores } = given;
  const container = new Container({ defaultScope: 'Singleton' });
  const { log, readStore, inspection } = stores;
  const t = tokens;

  container.bind(t.clock).toConstantValue(systemClock);
  container.bind(t.random).toConstantValue(systemRandom);
  container.bind(t.metrics).toResolvedValue(makeMetrics);
  container.bind(t.instance).toConstantValue({ instance_id: config.PULSESTREAM_INSTANCE_ID, release });
  container
    .bind(t.logger)
    .toResolvedValue((instance: Instance) => makeLogger(config.LOG_LEVEL, instance), [t.instance]);

  // What is said of people: sealed where it is written, opened where it is read.
  container
    .bind(t.people)
    .toResolvedValue(
      (clock: Clock, random: Random) => new People(stores.personKeys, keys.people, random, clock),
      [t.clock, t.random],
    );
  container.bind(t.openedLog).toResolvedValue((people: People) => new OpenedLog(log, people), [t.people]);
  container
    .bind(t.models)
    .toResolvedValue(
      (host: ProjectionHost, quarantines: CurrentQuarantines, people: People) =>
        new OpenedModels(new VisibleModels(host, quarantines), people),
      [t.host, t.quarantines, t.people],
    );
  container.bind(t.eraser).toResolvedValue(
    (people: People, refusedActs: RefusedActs, authenticator: Authenticator) =>
      new Eraser(log, {
        people,
        purge: ({ tenant_id, person_id }) => refusedActs.forget(tenant_id, person_id),
        credentialChanged: (person) => {
          authenticator.forget(person);
        },
      }),
    [t.people, t.refusedActs, t.authenticator],
  );

  // The one writer and what stands before it.
  container.bind(t.guard).toResolvedValue(() => new DeploymentGuard(config.DEPLOYMENT_MODE));
  container
    .bind(t.writer)
    .toResolvedValue(
      (guard: DeploymentGuard, clock: Clock, instance: Instance, people: People) =>
        new RecordWriter(
          log,
          guard,
          clock,
          instance,
          people,
          config.EVENTSTOREDB_URL ? new GuardReader(log, guard) : undefined,
        ),
      [t.guard, t.clock, t.instance, t.people],
    );
  container
    .bind(t.claims)
    .toResolvedValue(
      (clock: Clock, random: Random, { instance_id }: Instance) =>
        new Claims(readStore.register, clock, random, keys.answers, instance_id),
      [t.clock, t.random, t.instance],
    );

  // What is set aside.
  container
    .bind(t.quarantines)
    .toResolvedValue((clock: Clock) => new CurrentQuarantines(log, clock), [t.clock]);
  container
    .bind(t.visibleLog)
    .toResolvedValue(
      (openedLog: OpenedLog, quarantines: CurrentQuarantines) => new VisibleLog(openedLog, quarantines),
      [t.openedLog, t.quarantines],
    );

  // Access.
  container.bind(t.passwords).toResolvedValue(() => new PasswordWorker());
  container
    .bind(t.accessTokens)
    .toResolvedValue((clock: Clock) => new AccessTokens(keys.tokens, clock), [t.clock]);
  container
    .bind(t.authenticator)
    .toResolvedValue(
      (accessTokens: AccessTokens, clock: Clock, guard: DeploymentGuard, visibleLog: VisibleLog) =>
        new Authenticator(visibleLog, accessTokens, operator_token, clock, guard),
      [t.accessTokens, t.clock, t.guard, t.visibleLog],
    );
  container
    .bind(t.settings)
    .toResolvedValue(
      (clock: Clock, visibleLog: VisibleLog) => new TenantSettings(visibleLog, clock, serverLimits(config)),
      [t.clock, t.visibleLog],
    );
  container.bind(t.access).toResolvedValue(
    (
      passwords: PasswordHasher,
      accessTokens: AccessTokens,
      authenticator: Authenticator,
      settings: TenantSettings,
      random: Random,
      clock: Clock,
      quarantines: CurrentQuarantines,
      eraser: Eraser,
    ): AccessServices => ({
      passwords,
      tokens: accessTokens,
      random,
      clock,
      answers_key: keys.answers,
      pseudonym: (kind, value) => keys.pseudonym(kind, value),
      credentialChanged: (actor_id) => {
        authenticator.forget(actor_id);
      },
      settingsChanged: (tenant) => {
        settings.forget(tenant);
      },
      quarantines,
      eraser,
    }),
    [t.passwords, t.accessTokens, t.authenticator, t.settings, t.random, t.clock, t.quarantines, t.eraser],
  );

  // Commands and telemetry.
  container
    .bind(t.pipeline)
    .toResolvedValue(
      (
        openedLog: OpenedLog,
        writer: RecordWriter,
        guard: DeploymentGuard,
        claims: Claims,
        access: AccessServices,
      ) => new CommandPipeline(openedLog, writer, guard, claims, access),
      [t.openedLog, t.writer, t.guard, t.claims, t.access],
    );
  container.bind(t.clientIds).toResolvedValue(
    (logger: Logger): StartedClientIds =>
      clientIdsOn(log, config, (error) => {
        logger.warn({ err: error }, 'The index of client ids could not be brought up to date.');
      }),
    [t.logger],
  );
  container.bind(t.ingest).toResolvedValue(
    (
      writer: RecordWriter,
      clientIds: ClientIds,
      guard: DeploymentGuard,
      claims: Claims,
      quotas: Quotas,
      instance: Instance,
      clock: Clock,
      random: Random,
    ) =>
      new TelemetryIngest(
        new ChunkWriter(writer, clock, random, instance, {
          shard: config.PULSESTREAM_SHARD,
          ...(!config.EVENTSTOREDB_URL && { under_way: CHUNKS_UNDER_WAY }),
        }),
        clientIds,
        guard,
        claims,
        quotas,
        clock,
        random,
      ),
    [t.writer, t.clientIds, t.guard, t.claims, t.quotas, t.instance, t.clock, t.random],
  );

  container
    .bind(t.issues)
    .toResolvedValue((clock: Clock) => new IngestIssues(readStore.register, clock), [t.clock]);

  container.bind(t.quotas).toResolvedValue(
    (host: ProjectionHost, clock: Clock) =>
      new Quotas(
        {
          read: (tenant, day) => usageOf(host, tenant, day),
          caughtUp: async () => host.reached([usage], await log.head(), USAGE_PATIENCE_MS),
        },
        clock,
      ),
    [t.host, t.clock],
  );
  container
    .bind(t.refusedActs)
    .toResolvedValue(
      (clock: Clock, { instance_id }: Instance) => new RefusedActs(readStore, clock, instance_id),
      [t.clock, t.instance],
    );

  // What follows the log.
  container.bind(t.host).toResolvedValue(
    (clock: Clock, random: Random) =>
      new ProjectionHost(projections, log, readStore, clock, random, {
        ...(given.ahead && { ahead: given.ahead }),
      }),
    [t.clock, t.random],
  );
  container
    .bind(t.sealer)
    .toResolvedValue(
      (pipeline: CommandPipeline, clock: Clock, logger: Logger) =>
        checkpointSealer(given, pipeline, clock, logger),
      [t.pipeline, t.clock, t.logger],
    );
  container.bind(t.searches).toConstantValue(new SearchProgress());
  container
    .bind(t.erasures)
    .toResolvedValue(
      (clock: Clock, searches: SearchProgress) => new ErasureDesk(log, clock, searches),
      [t.clock, t.searches],
    );
  const retiring = (pipeline: CommandPipeline, models: ProjectionHost): RetireOldest =>
    retireOldest({ pipeline, models, log, tree: stores.tree, signer: given.signer });
  container.bind(t.processes).toResolvedValue(
    (
      pipeline: CommandPipeline,
      writer: RecordWriter,
      sealer: CheckpointSealer | undefined,
      host: ProjectionHost,
      guard: DeploymentGuard,
      clock: Clock,
      logger: Logger,
      searches: SearchProgress,
    ) => {
      const dependencies: ProcessDependencies = {
        log,
        snapshots: new Snapshots(readStore),
        clock,
        logger,
        settle: async (time) => {
          await writer.settle(time);
          // Records of other processes may still be on their way; of an embedded log there are none.
          if (config.EVENTSTOREDB_URL) await clock.sleep(OTHER_WRITERS_MS);
        },
      };
      const evaluation = alertEvaluation(config.PULSESTREAM_EVALUATION_SECONDS, recordThrough(pipeline));
      const learning = routeLearning(config.PULSESTREAM_ROUTE_LIMIT, recordLessons(pipeline));
      const isGuarded = (): boolean => guard.state.mode !== 'open';
      const erasing: ErasingTools = {
        ...{ pipeline, log, clock, isGuarded },
        files: stores.dropping,
        signer: given.signer,
        pseudonym: (field, value) => keys.pseudonym(field, value),
        progress: searches,
      };
      const keeping = retention({
        retire: retiring(pipeline, host),
        drop: dropRetired(stores.dropping, isGuarded),
        erase: eraseTelemetry(erasing),
        complete: completeTelemetryErasure(erasing),
      });
      return [
        new ProcessManager(evaluation, dependencies),
        new ProcessManager(learning, dependencies),
        new ProcessManager(keeping, dependencies),
        ...(sealer ? [sealer] : []),
      ];
    },
    [t.pipeline, t.writer, t.sealer, t.host, t.guard, t.clock, t.logger, t.searches],
  );
  container.bind(t.operations).toResolvedValue(
    (pipeline: CommandPipeline, guard: DeploymentGuard, host: ProjectionHost, clock: Clock, random: Random) =>
      new Operations(
        { log, clock, maintenance: host.maintenance },
        projections.map(({ name }) => name),
        host,
        inspection,
        runRetention({
          ...{ log, models: host, clock, dropping: stores.dropping },
          retire: retiring(pipeline, host),
          isGuarded: () => guard.state.mode !== 'open',
        }),
        () => uuidV7(clock, random),
      ),
    [t.pipeline, t.guard, t.host, t.clock, t.random],
  );
  container
    .bind(t.past)
    .toResolvedValue(
      (openedLog: OpenedLog, clock: Clock) => new Past(openedLog, clock, projections),
      [t.openedLog, t.clock],
    );
  container
    .bind(t.replays)
    .toResolvedValue(
      (host: ProjectionHost, clock: Clock, random: Random, { instance_id }: Instance) =>
        new Replays(
          { log, clock, maintenance: host.maintenance },
          projections,
          readStore.register,
          instance_id,
          () => publicId('replay', uuidV7(clock, random)),
        ),
      [t.host, t.clock, t.random, t.instance],
    );
  container.bind(t.deployments).toResolvedValue(
    (
      pipeline: CommandPipeline,
      guard: DeploymentGuard,
      host: ProjectionHost,
      processes: readonly RunningProcess[],
      clock: Clock,
      logger: Logger,
      quarantines: CurrentQuarantines,
    ) =>
      new Deployments({
        ...{ log, readStore, pipeline, guard, host, models: host, projections, clock, logger },
        processes: () => processes.map((one) => one.status()),
        replay: { log, clock, maintenance: host.maintenance },
        quarantines,
        quarantine_two_people: config.PULSESTREAM_QUARANTINE_TWO_PEOPLE,
        ...{ snapshots: stores.snapshots, tree: stores.tree },
        ...(config.EVENTSTOREDB_URL && { others_ms: OTHER_WRITERS_MS }),
        backups: config.PULSESTREAM_BACKUP_DIR ?? join(config.PULSESTREAM_DATA_DIR, 'backups'),
      }),
    [t.pipeline, t.guard, t.host, t.processes, t.clock, t.logger, t.quarantines],
  );
  container.bind(t.chores).toResolvedValue(
    (
      claims: Claims,
      issues: IngestIssues,
      refusedActs: RefusedActs,
      eraser: Eraser,
      guard: DeploymentGuard,
      logger: Logger,
    ): readonly Chore[] => [
      { name: 'old claims are forgotten', every_ms: HOUR_MS, run: () => claims.forget() },
      { name: 'ingest issues are kept', every_ms: 10_000, run: () => issues.flush(), at_stop: true },
      { name: 'erasures are carried out', every_ms: 500, run: () => eraser.carryOut() },
      { name: 'refused acts are kept', every_ms: 2_000, run: () => refusedActs.flush(), at_stop: true },
      {
        name: 'the guard is called to mind',
        every_ms: 60_000,
        run: () => {
          remindOfGuard(guard, logger);
          return Promise.resolve();
        },
      },
    ],
    [t.claims, t.issues, t.refusedActs, t.eraser, t.guard, t.logger],
  );

  container
    .bind(t.api)
    .toResolvedValue(
      (sealer: CheckpointSealer | undefined, ...parts: ApiParts) =>
        new ApiServer({ ...apiDependencies(config, stores, parts), ...proofsOf(given, sealer) }),
      [
        t.sealer,
        t.pipeline,
        t.authenticator,
        t.settings,
        t.ingest,
        t.issues,
        t.quotas,
        t.refusedActs,
        t.host,
        t.models,
        t.processes,
        t.operations,
        t.past,
        t.replays,
        t.deployments,
        t.guard,
        t.metrics,
        t.logger,
        t.clock,
        t.random,
        t.instance,
        t.visibleLog,
        t.quarantines,
        t.erasures,
      ],
    );
  return container;
};

/** Says again and again that writes are refused: who raised the guard may be gone. */
export const remindOfGuard = ({ state }: DeploymentGuard, logger: Logger): void => {
  if (state.mode !== 'open')
    logger.warn(
      { guard: state },
      'The deployment guard is up: writes are refused (pulsestream deploy status).',
    );
};

/** What signs checkpoints; undefined where nothing is to be signed, or there is nothing to sign with. */
const checkpointSealer = (
  { config, stores, signer }: Given,
  pipeline: CommandPipeline,
  clock: Clock,
  logger: Logger,
): CheckpointSealer | undefined => {
  const { log, tree, readStore } = stores;
  const every_ms = config.PULSESTREAM_CHECKPOINT_SECONDS * 1_000;
  if (!signer || every_ms === 0) return undefined;
  return new CheckpointSealer({
    log,
    tree,
    sha256,
    signer,
    record: recordSeal(pipeline),
    witnesses: witnessesOf(config),
    snapshots: new Snapshots(readStore),
    clock,
    logger,
    every_ms,
  });
};

/** What proves the log, where there is a key to sign it with. */
const proofsOf = (
  { stores: { log, tree }, signer }: Given,
  sealer: CheckpointSealer | undefined,
): Pick<ApiDependencies, 'proofs'> =>
  signer ? { proofs: new Proofs({ log, tree, key: signer.key, latest: () => sealer?.latest() }) } : {};

type ApiParts = [
  pipeline: CommandPipeline,
  authenticator: Authenticator,
  settings: TenantSettings,
  ingest: TelemetryIngest,
  issues: IngestIssues,
  quotas: Quotas,
  refusedActs: RefusedActs,
  host: ProjectionHost,
  models: ReadModels,
  processes: readonly RunningProcess[],
  operations: Operations,
  past: Past,
  replays: Replays,
  deployments: Deployments,
  guard: DeploymentGuard,
  metrics: Metrics,
  logger: Logger,
  clock: Clock,
  random: Random,
  instance: Instance,
  visible_log: VisibleLog,
  quarantines: CurrentQuarantines,
  erasures: ErasureDesk,
];

const apiDependencies = (
  config: Config,
  { log, readStore }: Stores,
  [
    pipeline,
    authenticator,
    settings,
    ingest,
    issues,
    quotas,
    refusedActs,
    host,
    models,
    processes,
    operations,
    past,
    replays,
    deployments,
    guard,
    metrics,
    logger,
    clock,
    random,
    instance,
    visible_log,
    quarantines,
    erasures,
  ]: ApiParts,
): ApiDependencies => ({
  pipeline,
  authenticator,
  settings,
  ingest,
  issues,
  quotas,
  refusedActs,
  models,
  log,
  visible_log,
  quarantines,
  erasures,
  readStore,
  detection: new Detection({ log, visible_log, quarantines, snapshots: new Snapshots(readStore) }),
  guard,
  projections: () => host.status(),
  processes: () => processes.map((one) => one.status()),
  operations,
  past,
  replays,
  deployments,
  metrics,
  logger,
  clock,
  random,
  config: apiConfig(config, instance),
});

const serverLimits = (config: Config): ServerLimits => ({
  requests_per_minute: config.PULSESTREAM_RATE_LIMIT_REQUESTS,
  tenant_requests_per_minute:
    config.PULSESTREAM_RATE_LIMIT_TENANT_REQUESTS ?? 10 * config.PULSESTREAM_RATE_LIMIT_REQUESTS,
  events_per_minute: config.PULSESTREAM_RATE_LIMIT_EVENTS,
  key_events_per_minute: config.PULSESTREAM_RATE_LIMIT_KEY_EVENTS ?? config.PULSESTREAM_RATE_LIMIT_EVENTS,
  sign_ins_per_minute: config.PULSESTREAM_RATE_LIMIT_SIGN_IN,
  burst_seconds: config.PULSESTREAM_RATE_LIMIT_BURST_SECONDS,
  routes: config.PULSESTREAM_ROUTE_LIMIT,
});

const apiConfig = (config: Config, { instance_id, release }: Instance): ApiConfig => ({
  release,
  instance_id,
  ...(config.PULSESTREAM_PUBLIC_URL && { public_url: config.PULSESTREAM_PUBLIC_URL }),
  cors_origins: config.PULSESTREAM_CORS_ORIGINS,
  trust_proxy: config.PULSESTREAM_TRUST_PROXY,
  demo_data: config.PULSESTREAM_DEMO_DATA,
  registration: config.PULSESTREAM_REGISTRATION,
  limits: serverLimits(config),
  quarantine_two_people: config.PULSESTREAM_QUARANTINE_TWO_PEOPLE,
  ingest_memory_bytes: config.PULSESTREAM_INGEST_MEGABYTES * 1024 * 1024,
  web_root: fileURLToPath(new URL('../../web/dist', import.meta.url)),
});
