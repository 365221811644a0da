import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { START, type Position, type RecordedEvent } from '../../src/eventstore/event-store.js';
import { followGuard, restoreGuard } from '../../src/commands/guard-following.js';
import { compose } from '../../src/composition.js';
import { tokens } from '../../src/composition/tokens.js';
import type { Chore } from '../../src/platform/chores.js';
import { readConfig } from '../../src/platform/config.js';
import type { PasswordHasher } from '../../src/platform/password.js';
import { deriveKeys, readKey } from '../../src/platform/secrets.js';
import { logSigner } from '../../src/processes/checkpoints/log-signer.js';
import { projections } from '../../src/projections/all.js';
import { initialiseStores, isInitialised, openStores } from '../../src/stores.js';

/** Real passwords cost a quarter of a second each, on purpose; the API's tests are not about them. */
const quickPasswords = (): PasswordHasher => {
  const digest = (password: string): string => createHash('sha256').update(password).digest('hex');
  return {
    hash: (password) => Promise.resolve(digest(password)),
    check: (password, hash) => Promise.resolve(hash === digest(password)),
    close: () => Promise.resolve(),
  };
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface CallOptions {
  /** A token or an API key. */
  readonly as?: string;
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The whole server in this process: embedded stores, a free port. Its directory goes with it, unless the environment
 * names one, where it can then be started again.
 */
export interface TestServer {
  readonly url: string;
  readonly operator_token: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Waits until every read model shows what is in the log. */
  settled(): Promise<void>;
  /** The log's newest position: what has not changed it has written nothing. */
  head(): Promise<Position>;
  /** Everything in the log after a position. */
  records(after?: Position): Promise<readonly RecordedEvent[]>;
  /** What the server would do by itself, by the clock; here nothing does it but the test. */
  readonly chores: readonly Chore[];
  stop(): Promise<void>;
}

export const startTestServer = async (environment: Record<string, string> = {}): Promise<TestServer> => {
  const kept = environment.PULSESTREAM_DATA_DIR;
  const directory = kept ?? (await mkdtemp(join(tmpdir(), 'pulsestream-api-')));
  const outcome = readConfig({
    PORT: '0',
    LOG_LEVEL: 'silent',
    PULSESTREAM_DATA_DIR: directory,
    PULSESTREAM_SEGMENT_MEGABYTES: '32',
    PULSESTREAM_EVALUATION_SECONDS: '1',
    PULSESTREAM_RATE_LIMIT_SIGN_IN: '1000000',
    PULSESTREAM_CHECKPOINT_SECONDS: '0',
    ...environment,
  });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problems));
  const { config } = outcome;
  if (!(await isInitialised(config))) await initialiseStores(config);
  // A thread loads compiled files, which the test runner does not make.
  const stores = await openStores(config, {});
  const keys = deriveKeys(await readKey(directory, 'secret'));
  const operator_token = await readKey(directory, 'operatorToken');
  const signer = logSigner(await readKey(directory, 'logSigning'), config.PULSESTREAM_LOG_ORIGIN);
  const get = compose({ config, release: 'test', keys, operator_token, signer, stores }, (bind) => {
    bind(tokens.passwords, quickPasswords);
  });
  const [guard, eraser, chores] = [get(tokens.guard), get(tokens.eraser), get(tokens.chores)];
  const [clientIds, host, replays] = [get(tokens.clientIds), get(tokens.host), get(tokens.replays)];
  const [deployments, processes, api] = [get(tokens.deployments), get(tokens.processes), get(tokens.api)];
  const stopping = new AbortController();
  const restored = await restoreGuard(stores.log, guard);
  const following = followGuard(stores.log, guard, restored, stopping.signal);
  await eraser.carryOut();
  await clientIds.start();
  await host.start();
  await replays.restore();
  for (const one of processes) one.start();
  const { port } = await api.listen(config.PORT, '127.0.0.1');
  const url = `http://127.0.0.1:${port}`;

  return {
    url,
    operator_token,
    chores,
    head: () => stores.log.head(),
    records: async (after = START) => {
      const found: RecordedEvent[] = [];
      for await (const { events } of stores.log.readAll(after)) found.push(...events);
      return found;
    },
    settled: async () => {
      if (!(await host.reached(projections, await stores.log.head(), 120_000)))
        throw new Error(`The read models did not get there: ${JSON.stringify(await host.status())}`);
    },
    call: async (
      method,
      path,
      { as, json, body = json === undefined ? undefined : JSON.stringify(json), headers } = {},
    ) => {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(as !== undefined && { authorization: `Bearer ${as}` }),
          ...headers,
        },
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: (isJson ? JSON.parse(text) : {}) as Record<string, unknown>,
      };
    },
    stop: async () => {
      await api.close();
      await deployments.close();
      stopping.abort();
      await replays.stop();
      await Promise.allSettled([
        ...processes.map((one) => one.stop()),
        host.stop(),
        clientIds.close(),
        following,
      ]);
      for (const chore of chores) if (chore.at_stop) await chore.run();
      await stores.close();
      if (kept === undefined) await rm(directory, { recursive: true });
    },
  };
};

export interface TestTenant {
  readonly id: string;
  readonly key: string;
  readonly key_id: string;
  readonly email: string;
  readonly token: string;
}

/** Registers a tenant and signs its owner in. */
export const registerTestTenant = async (server: TestServer, name: string): Promise<TestTenant> => {
  const email = `${name}@example.com`;
  const password = 'correct horse';
  const registered = await server.call('POST', '/api/v1/auth/register/tenant', {
    json: { tenant_name: name, email, password },
  });
  const login = await server.call('POST', '/api/v1/auth/login', { json: { email, password } });
  if (registered.status !== 201 || login.status !== 200) throw new Error(`${registered.text} ${login.text}`);
  const { tenant, api_key } = JSON.parse(registered.text) as {
    tenant: { id: string };
    api_key: { id: string; key: string };
  };
  const { access_token } = JSON.parse(login.text) as { access_token: string };
  return { id: tenant.id, key: api_key.key, key_id: api_key.id, email, token: access_token };
};
