import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const SOURCE = join(import.meta.dirname, 'ferretdb');
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/pulsestream-ferretdb');

/** Whether the server can be built here at all; where not, what needs it is skipped. */
export const hasGo = (): boolean => spawnSync('go', ['version']).status === 0;

/** A server that speaks MongoDB's wire protocol; what it stores is gone when it is stopped. */
export interface FerretDb {
  readonly url: string;
  stop(): Promise<void>;
}

/** Builds the server where its sources have not been built before, and starts it on a free port. */
export const startFerretDb = async (): Promise<FerretDb> => {
  const program = await built();
  // Not in memory: there it has one connection, and waits for itself when it replaces a document.
  const directory = await mkdtemp(join(tmpdir(), 'ferretdb-'));
  const server = spawn(program, [directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const line = once(createInterface(server.stdout), 'line') as Promise<[string]>;
  const first = await Promise.race([line, exited.then(() => undefined)]);
  if (!first) throw new Error('FerretDB ended before it listened.');
  return {
    url: first[0],
    stop: async () => {
      server.kill('SIGKILL');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
};

const built = async (): Promise<string> => {
  const hash = createHash('sha256');
  for (const file of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(SOURCE, file)));
  const binary = join(CACHE, hash.digest('hex').slice(0, 16));
  if (existsSync(binary)) return binary;
  await mkdir(CACHE, { recursive: true });
  // Built beside its place and moved there: two test files may build it at once.
  const unfinished = `${binary}.${process.pid}`;
  await promisify(execFile)('go', ['build', '-buildvcs=false', '-o', unfinished, '.'], { cwd: SOURCE });
  await rename(unfinished, binary);
  return binary;
};
