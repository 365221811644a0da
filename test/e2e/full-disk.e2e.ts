import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { smallDisk } from '../support/small-disk.js';
import {
  registerTenant,
  runCli,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';

const { path: disk, mounted, remove } = smallDisk('128m');
const describeOnSmallDisk = mounted ? describe : describe.skip;

afterAll(remove);

const environment = { PULSESTREAM_SEGMENT_MEGABYTES: '32' };
const BATCH = Array.from({ length: 1000 }, () => ({
  type: 'api_call',
  path: '/x'.repeat(200),
  status_code: 200,
}));

describeOnSmallDisk('a disk that fills up', () => {
  let server: StartedServer;
  let tenant: RegisteredTenant;

  beforeAll(async () => {
    expect(await runCli(disk, ['init'], environment)).toMatchObject({ code: 0 });
    server = await startServer(disk, environment);
    tenant = await registerTenant(server.url);
  });
  afterAll(() => server.stop());

  const send = (): Promise<Response> =>
    fetch(`${server.url}/api/v1/ingestion/events/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': tenant.api_key },
      body: JSON.stringify(BATCH),
    }).catch((error: unknown) => {
      throw new Error(`No answer; the server is ${server.state()} and said:\n${server.output()}`, {
        cause: error,
      });
    });
  const stored = async (position: string): Promise<number> => {
    const response = await fetch(`${server.url}/api/v1/dashboard/overview?min_position=${position}`, {
      headers: { 'x-api-key': tenant.api_key },
    });
    return ((await response.json()) as { totals: { requests: number } }).totals.requests;
  };

  it('answers 507 and loses nothing, and goes on by itself once there is room', async () => {
    const { bavail, bsize } = await statfs(disk);
    const filler = join(disk, 'filler');
    await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - 6_000_000)));

    let accepted = 0;
    let response = await send();
    for (let sent = 0; response.ok && sent < 500; sent += 1) {
      accepted += BATCH.length;
      response = await send();
    }
    expect(response.status).toBe(507);
    expect(await response.json()).toMatchObject({ code: 'disk_full' });

    await rm(filler);
    response = await send();
    expect(response.status).toBe(200);
    accepted += BATCH.length;
    expect(await stored(((await response.json()) as { position: string }).position)).toBe(accepted);
    expect(await runCliJson(disk, ['log', 'verify'], environment)).toMatchObject({ ok: true });
  });
});
