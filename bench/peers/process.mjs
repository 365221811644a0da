import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_START_MS = 30_000;

/** Raised where a peer is not on this machine: it is left out of the figures. */
export class NotHere extends Error {}

/** The first of some programs that exists. */
export const programOf = (name, ...paths) => {
  const found = paths.find((path) => existsSync(path));
  if (!found) throw new NotHere(`${name} is not installed (Debian: apt-get install ${name}).`);
  return found;
};

/** A port of the loopback that is free now. */
export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Servers that refuse to run as root run as the user that their package made. */
export const userOf = (name) => {
  if (process.getuid?.() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
};

/** Runs a server in a directory of its own while something is done with it; ends it by its process id. */
export const withServer = async ({ user = {}, prepare, start, isUp }, work) => {
  const directory = await mkdtemp(join(tmpdir(), 'pulsestream-peer-'));
  if (user.uid !== undefined) await chown(directory, user.uid, user.gid);
  let output = '';
  let child;
  try {
    const port = await freePort();
    await prepare?.(directory, port);
    const { command, args } = start(directory, port);
    child = spawn(command, args, { ...user, cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-4000)));
    const until = Date.now() + LONGEST_START_MS;
    while (!(await isUp(port).catch(() => false))) {
      if (child.exitCode !== null || Date.now() > until)
        throw new Error(`${command} did not start: ${output}`);
      await sleep(100);
    }
    return await work(port);
  } finally {
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(10_000).then(() => child.kill('SIGKILL'))]);
    }
    await rm(directory, { recursive: true, force: true });
  }
};
