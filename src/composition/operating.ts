import { join } from 'node:path';
import type { DeploymentGuard } from '../commands/guard.js';
import { Deployments } from '../deployments/deployments.js';
import { publicId } from '../domain/ids.js';
import type { Chore } from '../platform/chores.js';
import type { Logger } from '../platform/logger.js';
import { uuidV7 } from '../platform/uuid.js';
import { runRetention } from '../processes/retention/run-retention.js';
import { projections } from '../projections/all.js';
import { Operations } from '../replay/operations.js';
import { Past } from '../replay/past/past.js';
import { Replays } from '../replay/replays/replays.js';
import { OTHER_WRITERS_MS, retiring } from './following.js';
import { tokens as t, type Bind, type Get, type Given } from './tokens.js';

const HOUR_MS = 3_600_000;

/** What operators do, and what goes on by itself at intervals. */
export const bindOperating = (bind: Bind, given: Given): void => {
  const { log, readStore } = given.stores;
  bind(t.operations, (get) => operations(given, get));
  bind(t.past, (get) => new Past(get(t.openedLog), get(t.clock), projections));
  bind(t.replays, (get) => {
    const clock = get(t.clock);
    const random = get(t.random);
    return new Replays(
      { log, clock, maintenance: get(t.host).maintenance },
      projections,
      readStore.register,
      get(t.instance).instance_id,
      () => publicId('replay', uuidV7(clock, random)),
    );
  });
  bind(t.deployments, (get) => deployments(given, get));
  bind(t.chores, (get) => chores(get));
};

const operations = (given: Given, get: Get): Operations => {
  const { log, inspection, dropping } = given.stores;
  const [guard, host, clock, random] = [get(t.guard), get(t.host), get(t.clock), get(t.random)];
  return new Operations(
    { log, clock, maintenance: host.maintenance },
    projections.map(({ name }) => name),
    host,
    inspection,
    runRetention({
      ...{ log, models: host, clock, dropping },
      retire: retiring(given, get),
      isGuarded: () => guard.state.mode !== 'open',
    }),
    () => uuidV7(clock, random),
  );
};

const deployments = (
  { config, stores: { log, readStore, snapshots, tree } }: Given,
  get: Get,
): Deployments => {
  const [host, clock, processes] = [get(t.host), get(t.clock), get(t.processes)];
  return new Deployments({
    ...{ log, readStore, host, models: host, projections, clock, snapshots, tree },
    pipeline: get(t.pipeline),
    guard: get(t.guard),
    logger: get(t.logger),
    processes: () => processes.map((one) => one.status()),
    replay: { log, clock, maintenance: host.maintenance },
    quarantines: get(t.quarantines),
    quarantine_two_people: config.PULSESTREAM_QUARANTINE_TWO_PEOPLE,
    ...(config.EVENTSTOREDB_URL && { others_ms: OTHER_WRITERS_MS }),
    backups: config.PULSESTREAM_BACKUP_DIR ?? join(config.PULSESTREAM_DATA_DIR, 'backups'),
  });
};

const chores = (get: Get): readonly Chore[] => {
  const [claims, issues, refusedActs] = [get(t.claims), get(t.issues), get(t.refusedActs)];
  const [eraser, guard, logger] = [get(t.eraser), get(t.guard), get(t.logger)];
  return [
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
  ];
};

/** Says again and again that writes are refused: who raised the guard may be gone. */
export const remindOfGuard = ({ state }: DeploymentGuard, logger: Logger): void => {
  if (state.mode !== 'open')
    logger.warn(
      { guard: state },
      'The deployment guard is up: writes are refused (pulsestream deploy status).',
    );
};
