import { sha256 } from '../eventstore/tree-file.js';
import { alertEvaluation } from '../processes/alert-evaluation/alert-evaluation.js';
import { recordThrough } from '../processes/alert-evaluation/record-transition.js';
import { CheckpointSealer } from '../processes/checkpoints/checkpoint-sealer.js';
import { recordSeal } from '../processes/checkpoints/record-seal.js';
import { witnessesOf } from '../processes/checkpoints/witnesses.js';
import {
  completeTelemetryErasure,
  eraseTelemetry,
  type ErasingTools,
} from '../processes/erasure/erase-telemetry.js';
import { ErasureDesk } from '../processes/erasure/erasure-desk.js';
import { SearchProgress } from '../processes/erasure/search-progress.js';
import { ProcessManager, type ProcessDependencies } from '../processes/process-manager.js';
import { dropRetired } from '../processes/retention/drop-retired.js';
import { retention } from '../processes/retention/retention.js';
import { retireOldest, type RetireOldest } from '../processes/retention/retire-telemetry.js';
import { recordLessons } from '../processes/route-learning/record-lessons.js';
import { routeLearning } from '../processes/route-learning/route-learning.js';
import { Snapshots } from '../processes/snapshots.js';
import { projections } from '../projections/all.js';
import { OpenedModels } from '../projections/opened-models.js';
import { ProjectionHost } from '../projections/runner/host.js';
import { VisibleModels } from '../projections/visible-models.js';
import { tokens as t, type Bind, type Get, type Given, type RunningProcess } from './tokens.js';

/** How long a record of another process may take from its stamp, and its look at the guard, into the log. */
export const OTHER_WRITERS_MS = 1_000;

/** What follows the log: read models, and processes that react to it. */
export const bindFollowing = (bind: Bind, given: Given): void => {
  const { log, readStore } = given.stores;
  bind(
    t.host,
    (get) =>
      new ProjectionHost(projections, log, readStore, get(t.clock), get(t.random), {
        ...(given.ahead && { ahead: given.ahead }),
      }),
  );
  bind(
    t.models,
    (get) =>
      new OpenedModels(new VisibleModels(get(t.host), get(t.quarantines)), get(t.people), get(t.pseudonyms)),
  );
  bind(t.sealer, (get) => checkpointSealer(given, get));
  bind(t.searches, () => new SearchProgress());
  bind(t.erasures, (get) => new ErasureDesk(get(t.namedLog), get(t.clock), get(t.searches)));
  bind(t.processes, (get) => processes(given, get));
};

/** What signs checkpoints; undefined where nothing is to be signed, or there is nothing to sign with. */
const checkpointSealer = (
  { config, stores: { log, tree, readStore }, signer }: Given,
  get: Get,
): CheckpointSealer | undefined => {
  const every_ms = config.PULSESTREAM_CHECKPOINT_SECONDS * 1_000;
  if (!signer || every_ms === 0) return undefined;
  return new CheckpointSealer({
    log,
    tree,
    sha256,
    signer,
    record: recordSeal(get(t.pipeline)),
    witnesses: witnessesOf(config),
    snapshots: new Snapshots(readStore),
    clock: get(t.clock),
    logger: get(t.logger),
    every_ms,
  });
};

const processes = (given: Given, get: Get): readonly RunningProcess[] => {
  const { config } = given;
  const pipeline = get(t.pipeline);
  const sealer = get(t.sealer);
  const dependencies: ProcessDependencies = {
    log: given.stores.log,
    snapshots: new Snapshots(given.stores.readStore),
    clock: get(t.clock),
    logger: get(t.logger),
    settle: settling(given, get),
  };
  const erasing = erasingTools(given, get);
  const keeping = retention({
    retire: retiring(given, get),
    drop: dropRetired(given.stores.dropping, erasing.isGuarded),
    erase: eraseTelemetry(erasing),
    complete: completeTelemetryErasure(erasing),
  });
  return [
    new ProcessManager(alertEvaluation(config.PULSESTREAM_EVALUATION_SECONDS, recordThrough(pipeline)), {
      ...dependencies,
      log: get(t.namedLog),
    }),
    new ProcessManager(routeLearning(config.PULSESTREAM_ROUTE_LIMIT, recordLessons(pipeline)), dependencies),
    new ProcessManager(keeping, dependencies),
    ...(sealer ? [sealer] : []),
  ];
};

/** Waits until what was stamped before a time is in the log. */
const settling = ({ config }: Given, get: Get): ProcessDependencies['settle'] => {
  const writer = get(t.writer);
  const clock = get(t.clock);
  return async (time) => {
    await writer.settle(time);
    // Records of other processes may still be on their way; of an embedded log there are none.
    if (config.EVENTSTOREDB_URL) await clock.sleep(OTHER_WRITERS_MS);
  };
};

const erasingTools = ({ stores, signer, keys }: Given, get: Get): ErasingTools => {
  const guard = get(t.guard);
  const pseudonyms = get(t.pseudonyms);
  return {
    pipeline: get(t.pipeline),
    log: get(t.namedLog),
    clock: get(t.clock),
    isGuarded: () => guard.state.mode !== 'open',
    files: stores.dropping,
    ...(pseudonyms && { pseudonyms }),
    signer,
    pseudonym: (field, value) => keys.pseudonym(field, value),
    progress: get(t.searches),
  };
};

/** What retires the oldest telemetry. */
export const retiring = ({ stores: { log, tree }, signer }: Given, get: Get): RetireOldest =>
  retireOldest({ pipeline: get(t.pipeline), models: get(t.host), log, tree, signer });
