import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

/** A server of its own, on a free port and a fresh data directory, with a tenant registered. */
export interface BenchServer {
  readonly url: string;
  readonly api_key: string;
  readonly access_token: string;
  readonly data_directory: string;
  /** Resident memory of the server process, in bytes. */
  memory(): Promise<number>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

const environment = (data_directory: string): NodeJS.ProcessEnv => ({
  ...process.env,
  PORT: '0',
  HOST: '127.0.0.1',
  LOG_LEVEL: 'warn',
  PULSESTREAM_DATA_DIR: data_directory,
  PULSESTREAM_RATE_LIMIT_REQUESTS: '1000000000',
  PULSESTREAM_RATE_LIMIT_EVENTS: '1000000000000',
});

/** Runs a command of the command line on a data directory and reads the JSON that it prints. */
export const runCli = async (data_directory: string, args: readonly string[]): Promise<unknown> => {
  const child = spawn(process.execPath, [cli, ...args], {
    env: environment(data_directory),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`pulsestream ${args.join(' ')} ended with ${code}: ${output}`);
  return output.startsWith('{') ? JSON.parse(output) : undefined;
};

export const startServer = async (): Promise<BenchServer> => {
  const data_directory = await mkdtemp(join(tmpdir(), 'pulsestream-bench-'));
  await runCli(data_directory, ['init']);
  const child = spawn(process.execPath, [cli, 'serve'], {
    env: environment(data_directory),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = await listening(data_directory, child);
  const registered = await post(`${url}/api/v1/auth/register/tenant`, {
    tenant_name: 'Bench',
    email: 'bench@example.com',
    password: 'a long enough password',
  });
  const signedIn = await post(`${url}/api/v1/auth/login`, {
    email: 'bench@example.com',
    password: 'a long enough password',
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return {
    url,
    api_key: (registered as { api_key: { key: string } }).api_key.key,
    access_token: (signedIn as { access_token: string }).access_token,
    data_directory,
    memory: () => residentBytes(child),
    stop,
    remove: async () => {
      await stop();
      await rm(data_directory, { recursive: true, force: true });
    },
  };
};

/** Waits until the server says where it listens. */
const listening = async (data_directory: string, child: ChildProcess): Promise<string> => {
  for (let tries = 0; tries < 300; tries += 1) {
    if (child.exitCode !== null) throw new Error('The server ended before it listened.');
    try {
      const { url } = JSON.parse(await readFile(join(data_directory, 'run', 'server.json'), 'utf8')) as {
        url: string;
      };
      return url;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('The server did not listen within 15 s.');
};

const post = async (url: string, body: object): Promise<unknown> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
};

/** From the kernel's own account, which counts every thread. */
const residentBytes = async (child: ChildProcess): Promise<number> => {
  const status = await readFile(`/proc/${String(child.pid)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
};
