import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const rootAbove = (directory: string): string =>
  existsSync(join(directory, 'package.json')) ? directory : rootAbove(dirname(directory));

/** The project's root, from the sources as well as from the compiled files. */
export const root = rootAbove(dirname(fileURLToPath(import.meta.url)));
const cli = join(root, 'dist', 'src', 'cli', 'main.js');

type Environment = Readonly<Record<string, string>>;

const environmentOf = (data_directory: string, extra: Environment): NodeJS.ProcessEnv => ({
  ...process.env,
  PORT: '0',
  HOST: '127.0.0.1',
  LOG_LEVEL: 'warn',
  // A log holds what its test puts into it.
  PULSESTREAM_CHECKPOINT_SECONDS: '0',
  PULSESTREAM_DATA_DIR: data_directory,
  PULSESTREAM_RATE_LIMIT_REQUESTS: '1000000000',
  PULSESTREAM_RATE_LIMIT_EVENTS: '1000000000000',
  ...extra,
});

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the compiled command line. */
export const spawnCli = (
  data_directory: string,
  args: readonly string[],
  extra: Environment = {},
): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [cli, ...args], {
    cwd: data_directory,
    env: environmentOf(data_directory, extra),
  });

/** Runs the compiled command line to its end, with nothing, or with these bytes, on its standard input. */
export const runCli = async (
  data_directory: string,
  args: readonly string[],
  extra: Environment = {},
  input?: Uint8Array,
): Promise<CliResult> => {
  const child = spawnCli(data_directory, args, extra);
  // A command that reads nothing may end before all is written to it.
  child.stdin.on('error', () => undefined).end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
};

/** The same for a command that prints JSON and must succeed. */
export const runCliJson = async (
  data_directory: string,
  args: readonly string[],
  extra: Environment = {},
  input?: Uint8Array,
): Promise<unknown> => {
  const { code, stdout, stderr } = await runCli(data_directory, [...args, '--json'], extra, input);
  if (code !== 0)
    throw new Error(`pulsestream ${args.join(' ')} ended with ${String(code)}: ${stdout}${stderr}`);
  return JSON.parse(stdout);
};

/** The compiled server as a process of its own, on a free port of the loopback. */
export interface StartedServer {
  readonly url: string;
  readonly data_directory: string;
  /** What it has printed so far. */
  output(): string;
  /** Whether it runs, or how it ended. */
  state(): string;
  /** Resident memory of the process, in bytes, from the kernel's own account. */
  memory(): Promise<number>;
  /** The most that it ever was, in bytes. */
  peakMemory(): Promise<number>;
  /** What it has now without the pages of mapped files, which the system takes back where it needs them. */
  ownMemory(): Promise<number>;
  /** Ends it as an operator would, and answers its exit code; or as a power cut would. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
}

/** A fresh data directory, initialised. */
export const freshData = async (extra: Environment = {}): Promise<string> => {
  const data_directory = await mkdtemp(join(tmpdir(), 'pulsestream-'));
  const { code, stderr } = await runCli(data_directory, ['init'], extra);
  if (code !== 0) throw new Error(`init ended with ${String(code)}: ${stderr}`);
  return data_directory;
};

export const removeData = (data_directory: string): Promise<void> =>
  rm(data_directory, { recursive: true, force: true });

export const startServer = async (
  data_directory: string,
  extra: Environment = {},
): Promise<StartedServer> => {
  const child = spawn(process.execPath, [cli, 'serve'], {
    cwd: data_directory,
    env: environmentOf(data_directory, extra),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const url = await listening(data_directory, child, () => output);
  return {
    url,
    data_directory,
    output: () => output,
    state: () =>
      child.exitCode === null && child.signalCode === null
        ? 'running'
        : `ended by ${String(child.signalCode ?? child.exitCode)}`,
    memory: () => memoryOf(child, /VmRSS:\s+(\d+) kB/),
    peakMemory: () => memoryOf(child, /VmHWM:\s+(\d+) kB/),
    ownMemory: () => memoryOf(child, /RssAnon:\s+(\d+) kB/),
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        await once(child, 'close');
      }
      return child.exitCode;
    },
  };
};

const memoryOf = async ({ pid }: ChildProcess, line: RegExp): Promise<number> => {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(line.exec(status)?.[1] ?? 0) * 1024;
};

/** Waits until the server of this very process says where it listens. */
const listening = async (directory: string, child: ChildProcess, output: () => string): Promise<string> => {
  for (let tries = 0; tries < 600; tries += 1) {
    if (child.exitCode !== null) throw new Error(`The server ended before it listened: ${output()}`);
    const text = await readFile(join(directory, 'run', 'server.json'), 'utf8').catch(() => '');
    const { url, pid } = text === '' ? {} : (JSON.parse(text) as { url?: string; pid?: number });
    if (url !== undefined && pid === child.pid) return url;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The server did not listen within 30 s: ${output()}`);
};

/** A registered tenant with what its owner and its programs show. */
export interface RegisteredTenant {
  readonly tenant_id: string;
  readonly api_key: string;
  readonly access_token: string;
}

export const registerTenant = async (url: string, email = 'ada@example.com'): Promise<RegisteredTenant> => {
  const password = 'a long enough password';
  const registered = (await postJson(`${url}/api/v1/auth/register/tenant`, {
    tenant_name: 'Acme',
    email,
    password,
  })) as {
    tenant: { id: string };
    api_key: { key: string };
  };
  const signedIn = (await postJson(`${url}/api/v1/auth/login`, { email, password })) as {
    access_token: string;
  };
  return {
    tenant_id: registered.tenant.id,
    api_key: registered.api_key.key,
    access_token: signedIn.access_token,
  };
};

/** Posts JSON and answers what came back; throws where the server refused. */
export const postJson = async (
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
};
