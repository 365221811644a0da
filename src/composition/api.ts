import { fileURLToPath } from 'node:url';
import type { ApiConfig, ApiDependencies } from '../api/dependencies.js';
import { ApiServer } from '../api/server.js';
import type { Instance } from '../commands/writer.js';
import type { Config } from '../platform/config.js';
import { Snapshots } from '../processes/snapshots.js';
import { Detection } from '../replay/detection/detection.js';
import { Proofs } from '../replay/proofs/proofs.js';
import { serverLimits } from './access.js';
import { tokens as t, type Bind, type Get, type Given } from './tokens.js';

/** What answers over HTTP and sockets. */
export const bindApi = (bind: Bind, given: Given): void => {
  bind(t.api, (get) => new ApiServer({ ...dependencies(given, get), ...proofs(given, get) }));
};

const dependencies = ({ config, stores: { readStore } }: Given, get: Get): ApiDependencies => {
  const log = get(t.namedLog);
  const [host, processes] = [get(t.host), get(t.processes)];
  const [visible_log, quarantines] = [get(t.visibleLog), get(t.quarantines)];
  return {
    ...{ log, readStore, visible_log, quarantines },
    pipeline: get(t.pipeline),
    authenticator: get(t.authenticator),
    settings: get(t.settings),
    ingest: get(t.ingest),
    issues: get(t.issues),
    quotas: get(t.quotas),
    refusedActs: get(t.refusedActs),
    models: get(t.models),
    erasures: get(t.erasures),
    detection: new Detection({ log, visible_log, quarantines, snapshots: new Snapshots(readStore) }),
    guard: get(t.guard),
    projections: () => host.status(),
    processes: () => processes.map((one) => one.status()),
    operations: get(t.operations),
    past: get(t.past),
    replays: get(t.replays),
    deployments: get(t.deployments),
    metrics: get(t.metrics),
    logger: get(t.logger),
    clock: get(t.clock),
    random: get(t.random),
    config: apiConfig(config, get(t.instance)),
  };
};

/** What proves the log, where there is a key to sign it with. */
const proofs = ({ stores: { log, tree }, signer }: Given, get: Get): Pick<ApiDependencies, 'proofs'> => {
  const sealer = get(t.sealer);
  return signer ? { proofs: new Proofs({ log, tree, key: signer.key, latest: () => sealer?.latest() }) } : {};
};

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
  web_root: fileURLToPath(new URL('../../../web/dist', import.meta.url)),
});
