import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readCheckpoint } from '../../src/domain/integrity/checkpoint.js';
import { verifyInclusion } from '../../src/domain/integrity/merkle.js';
import { readNote } from '../../src/domain/integrity/signed-note.js';
import { sha256 } from '../../src/eventstore/tree-file.js';
import { rule } from '../support/route-bodies.js';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';
import { until } from '../support/until.js';

/** The steps of docs/deploying.md: from the backup that a deployment made back to a server that goes on. */
describe('restoring the backup of a deployment', () => {
  let data: string;
  let environment: Record<string, string>;
  let server: StartedServer;
  let tenant: RegisteredTenant;
  /** Of an event from before the deployment. */
  let position: string;
  let backup: string;
  let deployment_id: string;

  const ask = async (
    path: string,
    init: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<Record<string, unknown>> => {
    const response = await fetch(server.url + path, {
      ...init,
      headers: {
        authorization: `Bearer ${tenant.access_token}`,
        'content-type': 'application/json',
        ...init.headers,
      },
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const operate = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const token = (await readFile(join(data, 'keys', 'operator-token'), 'utf8')).trim();
    return ask(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${token}` },
    });
  };
  const send = async (): Promise<string> => {
    const event = { type: 'api_call', service: 'checkout', status_code: 200, duration_ms: 5 };
    const url = `${server.url}/api/v1/ingestion/events`;
    return ((await postJson(url, event, { 'x-api-key': tenant.api_key })) as { position: string }).position;
  };
  /** What people see, and what proves one of the events. */
  const views = async (of: string) => ({
    overview: (await ask(`/api/v1/dashboard/overview?min_position=${of}`)).totals,
    rules: (await ask('/api/v1/alerting/rules')).data,
    events: (await ask('/api/v1/ingestion/events/search?limit=1000')).data,
    leaf: (await ask(`/api/v2/audit/proof/${position}?record=true`)).record,
  });
  const prove = async (): Promise<boolean> => {
    const { index, leaf_hash, proof, checkpoint } = await ask(`/api/v2/audit/proof/${position}`);
    const { size, root } = readCheckpoint(readNote(checkpoint as string)!.text)!;
    const hashes = (proof as string[]).map((hash) => Buffer.from(hash, 'base64'));
    const leaf = Buffer.from(leaf_hash as string, 'base64');
    return verifyInclusion(sha256, { index: index as number, size, leaf, root }, hashes);
  };

  let before: Awaited<ReturnType<typeof views>>;
  let kept: string;

  beforeAll(async () => {
    data = await freshData();
    environment = { PULSESTREAM_CHECKPOINT_SECONDS: '1', PULSESTREAM_CHECKPOINT_FILE: join(data, 'copies') };
    server = await startServer(data, environment);
    tenant = await registerTenant(server.url);
    await ask('/api/v1/alerting/rules', { method: 'POST', body: JSON.stringify(rule) });
    for (let i = 0; i < 20; i += 1) position = await send();
    await until(async () => typeof (await ask(`/api/v2/audit/proof/${position}`)).checkpoint === 'string');
    kept = (await ask('/api/v2/audit/checkpoint')).checkpoint as string;
    before = await views(position);
    const run = await runCli(data, ['deploy', 'run', '--release', 'r2', '--', 'true'], environment);
    expect(run).toMatchObject({ code: 0 });
    const status = (await runCliJson(data, ['deploy', 'status'], environment)) as {
      last: { deployment_id: string };
    };
    ({ deployment_id } = status.last);
    backup = join(data, 'backups', deployment_id);
  });
  afterAll(async () => {
    await server.stop();
    await removeData(data);
  });

  it('comes to the same views and proofs, whatever was written since', async () => {
    const last = await Promise.all([send(), send(), send()]);
    const after = await views(last.sort().at(-1) ?? '');
    expect(after.overview).not.toEqual(before.overview);
    await server.stop();

    await rename(join(data, 'log'), join(data, 'log-before'));
    await cp(join(backup, 'log'), join(data, 'log'), { recursive: true });
    for (const made of ['index', 'readmodels']) await rm(join(data, made), { recursive: true });
    expect(await runCliJson(data, ['log', 'verify'], environment)).toMatchObject({ ok: true });

    server = await startServer(data, environment);
    expect(await views(position)).toEqual(before);
    expect(await prove()).toBe(true);
    const verdict = await ask('/api/v2/audit/verify', {
      method: 'POST',
      body: JSON.stringify({ checkpoint: kept }),
    });
    expect(verdict).toMatchObject({ holds: true });
  }, 300_000);

  it('stands in the deployment, which is taken back; then it goes on', async () => {
    const status = () => runCliJson(data, ['deploy', 'status'], environment);
    expect(await status()).toMatchObject({ mode: 'strict', deployment_id });
    await operate('/_deploy/rollback', { deployment_id, reason: 'restored from its backup' });
    await until(async () => ((await status()) as { mode: string }).mode === 'open');
    expect(await status()).toMatchObject({ last: { deployment_id, outcome: 'rolled_back' } });

    const next = await send();
    const seen = (await views(next)).events as readonly unknown[];
    expect(seen).toHaveLength((before.events as readonly unknown[]).length + 1);
    expect(await runCliJson(data, ['projections', 'verify'], environment)).toMatchObject({ ok: true });
  }, 300_000);

  it('is as well a copy of log and keys, made while the server was stopped, in an empty directory', async () => {
    const last = await send();
    const seen = await views(last);
    await server.stop();
    const copied = join(data, 'copied');
    for (const kept of ['log', 'keys']) await cp(join(data, kept), join(copied, kept), { recursive: true });
    expect(await runCliJson(copied, ['log', 'verify'], environment)).toMatchObject({ ok: true });

    server = await startServer(copied, environment);
    expect(await views(last)).toEqual(seen);
    expect(await prove()).toBe(true);
    // Who had a password and a key has them still.
    const signedIn = await ask('/api/v1/auth/login', {
      method: 'POST',
      body: JSON.stringify({ email: 'ada@example.com', password: 'a long enough password' }),
    });
    expect(signedIn).toMatchObject({ token_type: expect.any(String), access_token: expect.any(String) });
    const next = await send();
    expect((await views(next)).events).toHaveLength((seen.events as readonly unknown[]).length + 1);
  }, 300_000);
});
