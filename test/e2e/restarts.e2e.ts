import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  freshData,
  postJson,
  registerTenant,
  removeData,
  runCli,
  startServer,
} from '../support/started-server.js';

let data: string;
beforeAll(async () => {
  data = await freshData();
});
afterAll(() => removeData(data));

/** Every file of the log with the digest of its bytes. */
const logFiles = async (): Promise<Record<string, string>> => {
  const names = await readdir(join(data, 'log'));
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => {
        const bytes = await readFile(join(data, 'log', name));
        return [name, createHash('sha256').update(bytes).digest('hex')] as const;
      }),
    ),
  );
};

// The checkpoint that covers what was written is sealed when the first server stops; there is nothing new then.
const sealing = { PULSESTREAM_CHECKPOINT_SECONDS: '1' };

/** test/api/nothing-writes.int.ts does the others of a hundred, in its own process. */
const RESTARTS = Number(process.env.RESTARTS ?? 20);

describe('starting and stopping', () => {
  it(`leaves every byte of the log as it was, ${RESTARTS} times`, async () => {
    const first = await startServer(data, sealing);
    const tenant = await registerTenant(first.url);
    await postJson(
      `${first.url}/api/v1/ingestion/events`,
      { type: 'api_call', status_code: 500 },
      { 'x-api-key': tenant.api_key },
    );
    expect(await first.stop()).toBe(0);
    const before = await logFiles();

    for (let start = 0; start < RESTARTS; start += 1) {
      const server = await startServer(data, sealing);
      await server.stop(start % 4 === 3 ? 'SIGKILL' : 'SIGTERM');
      expect(await logFiles()).toEqual(before);
    }
  });

  it('leaves the data directory to one process', async () => {
    const server = await startServer(data);
    const second = await runCli(data, ['serve']);
    expect(second.code).not.toBe(0);
    expect(second.stderr + second.stdout).toMatch(/another process/i);
    await server.stop();
  });

  it('says what to do where nothing was initialised', async () => {
    const missing = join(data, 'nowhere');
    const { code, stderr } = await runCli(data, ['serve'], { PULSESTREAM_DATA_DIR: missing });
    expect(code).not.toBe(0);
    expect(stderr).toContain('pulsestream init');
  });
});
