import { Claims } from '../commands/claims.js';
import { DeploymentGuard } from '../commands/guard.js';
import { GuardReader } from '../commands/guard-following.js';
import { CommandPipeline } from '../commands/handle.js';
import { ChunkWriter } from '../commands/ingest/chunk-writer.js';
import { IngestIssues } from '../commands/ingest/ingest-issues.js';
import { TelemetryIngest } from '../commands/ingest/ingest.js';
import { Quotas } from '../commands/ingest/quotas.js';
import { RefusedActs } from '../commands/refused-acts.js';
import { RecordWriter } from '../commands/writer.js';
import type { TenantId } from '../domain/ids.js';
import { usage } from '../projections/usage/projection.js';
import { usageOf } from '../projections/usage/query.js';
import { CurrentQuarantines } from '../quarantine/current.js';
import { VisibleLog } from '../quarantine/visible-log.js';
import { clientIdsOn } from '../stores.js';
import { tokens as t, type Bind, type Given } from './tokens.js';

/** Chunks of a tenant that go into an embedded log behind one another: one is hashed, one written, one collected. */
const CHUNKS_UNDER_WAY = 3;

/** How long the first request of a tenant with a quota waits until its day is counted. */
const USAGE_PATIENCE_MS = 2_000;

/** The one writer, what stands before it, and the commands that come to it. */
export const bindWriting = (bind: Bind, { config, keys, stores: { log, readStore } }: Given): void => {
  bind(t.guard, () => new DeploymentGuard(config.DEPLOYMENT_MODE));
  bind(t.writer, (get) => {
    const guard = get(t.guard);
    return new RecordWriter(
      log,
      guard,
      get(t.clock),
      get(t.instance),
      get(t.people),
      config.EVENTSTOREDB_URL ? new GuardReader(log, guard) : undefined,
    );
  });
  bind(
    t.claims,
    (get) =>
      new Claims(readStore.register, get(t.clock), get(t.random), keys.answers, get(t.instance).instance_id),
  );
  bind(t.quarantines, (get) => new CurrentQuarantines(log, get(t.clock)));
  bind(t.visibleLog, (get) => new VisibleLog(get(t.openedLog), get(t.quarantines)));
  bind(
    t.pipeline,
    (get) => new CommandPipeline(get(t.openedLog), get(t.writer), get(t.guard), get(t.claims), get(t.access)),
  );
  bind(t.refusedActs, (get) => new RefusedActs(readStore, get(t.clock), get(t.instance).instance_id));
};

/** The way of telemetry into the log. */
export const bindIngest = (bind: Bind, { config, stores: { log, readStore } }: Given): void => {
  bind(t.clientIds, (get) => {
    const logger = get(t.logger);
    return clientIdsOn(log, config, (error) => {
      logger.warn({ err: error }, 'The index of client ids could not be brought up to date.');
    });
  });
  bind(
    t.ingest,
    (get) =>
      new TelemetryIngest(
        new ChunkWriter(get(t.writer), get(t.clock), get(t.random), get(t.instance), {
          shard: config.PULSESTREAM_SHARD,
          ...(!config.EVENTSTOREDB_URL && { under_way: CHUNKS_UNDER_WAY }),
        }),
        get(t.clientIds),
        get(t.guard),
        get(t.claims),
        get(t.quotas),
        get(t.clock),
        get(t.random),
        get(t.pseudonyms),
      ),
  );
  bind(t.issues, (get) => new IngestIssues(readStore.register, get(t.clock)));
  bind(t.quotas, (get) => {
    const host = get(t.host);
    const counted = {
      read: (tenant: TenantId, day: string) => usageOf(host, tenant, day),
      caughtUp: async () => host.reached([usage], await log.head(), USAGE_PATIENCE_MS),
    };
    return new Quotas(counted, get(t.clock));
  });
};
