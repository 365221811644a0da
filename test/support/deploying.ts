import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './started-server.js';
import { until } from './until.js';

const cli = join(root, 'dist', 'src', 'cli', 'main.js');

/** Stops the server and starts it anew, which then names its release; a deployment in one script. */
const RESTART = `
pid=$(node -p 'JSON.parse(require("fs").readFileSync("run/server.json")).pid')
kill -TERM "$pid"
while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
nohup node "${cli}" serve > server.log 2>&1 &
`;

/** Puts the script into a data directory, for `sh restart.sh` there. */
export const addRestartScript = (data_directory: string): Promise<void> =>
  writeFile(join(data_directory, 'restart.sh'), RESTART);

/** The server of a data directory, whoever started it. */
export const runningServer = async (
  data_directory: string,
): Promise<{ readonly url: string; readonly pid: number }> =>
  JSON.parse(await readFile(join(data_directory, 'run', 'server.json'), 'utf8')) as {
    url: string;
    pid: number;
  };

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Ends the server of a data directory, whoever started it. */
export const stopRunningServer = async (data_directory: string): Promise<void> => {
  const { pid } = await runningServer(data_directory);
  process.kill(pid, 'SIGTERM');
  await until(() => !alive(pid));
};

/** The release that the server of a data directory says to be. */
export const runningRelease = async (data_directory: string): Promise<unknown> => {
  const { url } = await runningServer(data_directory);
  return ((await (await fetch(`${url}/health`)).json()) as { release: string }).release;
};
