import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readCheckpoint } from '../../../src/domain/integrity/checkpoint.js';
import { hashLeaf, verifyConsistency, verifyInclusion } from '../../../src/domain/integrity/merkle.js';
import { checkSignature, readNote, readVerifierKey } from '../../../src/domain/integrity/signed-note.js';
import { sha256 } from '../../../src/eventstore/tree-file.js';
import { verifyEd25519 } from '../../../src/platform/signing.js';
import { EventStoreDbServer } from '../../support/eventstoredb-server/server.js';
import { event } from '../../support/route-bodies.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { testSigner } from '../../support/sealed-checkpoints.js';
import { until } from '../../support/until.js';

/** A log to prove things of: where it is, as the server's environment has it. */
const logs = {
  'files of its own': () => Promise.resolve({ environment: {}, end: () => Promise.resolve() }),
  'EventStoreDB, an imitation of it': async () => {
    const store = await EventStoreDbServer.start();
    return { environment: { EVENTSTOREDB_URL: store.url }, end: () => store.kill() };
  },
};

describe.each(Object.entries(logs))('a log in %s:', (_, begin) => {
  let server: TestServer;
  let end: () => Promise<void>;
  let ada: TestTenant;
  let bob: TestTenant;
  /** Of an event of Ada’s. */
  let position: string;
  let first: { size: number; checkpoint: string };

  const bytes = (text: unknown): Buffer => Buffer.from(text as string, 'base64');
  const get = (path: string, as = ada.token) => server.call('GET', `/api/v2/audit/${path}`, { as });
  const verify = async (checkpoint: string) =>
    (await server.call('POST', '/api/v2/audit/verify', { as: ada.token, json: { checkpoint } })).body;
  /** The newest checkpoint, once it covers a position. */
  const covering = async (wanted: string): Promise<typeof first> => {
    await until(async () => (await get(`proof/${wanted}`)).status === 200);
    return (await get('checkpoint')).body as typeof first;
  };
  const record = async (): Promise<string> =>
    (await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event })).body
      .position as string;

  beforeAll(async () => {
    const log = await begin();
    ({ end } = log);
    server = await startTestServer({
      PULSESTREAM_CHECKPOINT_SECONDS: '1',
      PULSESTREAM_LOG_ORIGIN: 'log.example/api',
      ...log.environment,
    });
    ada = await registerTestTenant(server, 'ada');
    bob = await registerTestTenant(server, 'bob');
    position = await record();
    first = await covering(position);
  });
  afterAll(async () => {
    await server.stop();
    await end();
  });

  describe('the checkpoint', () => {
    it('is signed by the key that the server names', async () => {
      const { body } = await get('checkpoint');
      const key = readVerifierKey(sha256, body.verifier_key as string)!;
      expect(key.name).toBe('log.example/api');
      const note = readNote(body.checkpoint as string)!;
      expect(checkSignature(verifyEd25519, note, key)).toEqual({ found: 'valid' });
      expect(readCheckpoint(note.text)).toMatchObject({ origin: 'log.example/api', size: body.size });
    });
  });

  describe('a proof', () => {
    it('leads from the record’s own bytes to the root that was signed', async () => {
      const { status, body } = await get(`proof/${position}?record=true`);
      expect(status).toBe(200);
      expect(bytes(body.record).includes('TelemetryRecorded')).toBe(true);
      const { size, root } = readCheckpoint(readNote(body.checkpoint as string)!.text)!;
      const leaf = hashLeaf(sha256, bytes(body.record));
      expect(leaf).toEqual(bytes(body.leaf_hash));
      const claim = { index: body.index as number, size, leaf: Buffer.from(leaf), root };
      expect(verifyInclusion(sha256, claim, (body.proof as string[]).map(bytes))).toBe(true);
      expect((await get(`proof/${position}`)).body.record).toBeUndefined();
    });

    it('is given of no other tenant’s record, nor of one of nobody’s', async () => {
      expect((await get(`proof/${position}`, bob.token)).status).toBe(404);
      const seal = (await server.records('0000000000000000' as never)).find(
        ({ stream }) => stream === 'seals',
      )!;
      for (const none of [seal.position, '0000000000000000', 'ffffffffffffffff', 'xyz'])
        expect((await get(`proof/${none}`)).status).toBe(404);
    });

    it('waits for the next checkpoint', async () => {
      const fresh = await record();
      const { status, body } = await get(`proof/${fresh}`);
      expect([200, 409]).toContain(status);
      if (status === 409) expect(body.code).toBe('not_sealed_yet');
      await covering(fresh);
      expect((await get(`proof/${fresh}`)).status).toBe(200);
    });

    it('is given to those who may audit only', async () => {
      const reader = await server.call('POST', '/api/v1/auth/api-keys', {
        as: ada.token,
        json: { name: 'reader', scopes: ['read'] },
      });
      const { key } = reader.body.api_key as { key: string };
      for (const path of ['checkpoint', `proof/${position}`, 'consistency?from=1'])
        expect((await get(path, key)).status).toBe(403);
    });
  });

  describe('consistency', () => {
    it('is proven from any size on', async () => {
      const { size } = await covering(await record());
      for (const from of [0, 1, first.size, size]) {
        const { body } = await get(`consistency?from=${from}&to=${size}`);
        const [earlier, later] = [body.from, body.to].map((head) => ({
          size: (head as { size: number }).size,
          root: bytes((head as { root: string }).root),
        })) as [{ size: number; root: Buffer }, { size: number; root: Buffer }];
        expect([earlier.size, later.size]).toEqual([from, size]);
        expect(verifyConsistency(sha256, earlier, later, (body.proof as string[]).map(bytes))).toBe(true);
      }
      const kept = readCheckpoint(readNote(first.checkpoint)!.text)!;
      const { body } = await get(`consistency?from=${first.size}`);
      expect(bytes((body.from as { root: string }).root)).toEqual(kept.root);
    });

    it('is not proven of sizes that never were', async () => {
      for (const sizes of ['from=9&to=3', 'from=1&to=999999'])
        expect((await get(`consistency?${sizes}`)).body.code).toBe('no_such_size');
    });
  });

  describe('verify', () => {
    it('says whether a checkpoint that was kept still holds', async () => {
      await covering(await record());
      expect(await verify(first.checkpoint)).toMatchObject({ holds: true, size: first.size });
    });

    it('says why one does not', async () => {
      expect(await verify('no note')).toMatchObject({ holds: false, reason: 'no_checkpoint' });
      const text = readNote(first.checkpoint)!.text;
      const signature = first.checkpoint.slice(text.length);
      const other = testSigner();
      expect(await verify(text.replace('log.example/api', other.key.name) + signature)).toMatchObject({
        reason: 'another_log',
      });
      expect(
        await verify(text.replace(`\n${first.size}\n`, `\n${first.size + 1}\n`) + signature),
      ).toMatchObject({ holds: false, reason: 'not_signed' });
    });
  });
});
