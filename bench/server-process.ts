import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Linux counts in hundredths of a second, whatever the machine. */
const MICROSECONDS_PER_TICK = 10_000;
const USER_TICKS = 13;
const SYSTEM_TICKS = 14;

/** The process of the server that runs on a data directory. */
export const serverPid = async (data_directory: string): Promise<number> => {
  const address = await readFile(join(data_directory, 'run', 'server.json'), 'utf8');
  return (JSON.parse(address) as { pid: number }).pid;
};

/** CPU time that a process has taken, all its threads together, in microseconds; undefined where the system does not say. */
export const cpuTime = async (pid: number): Promise<number | undefined> => {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
    // The name of the program stands in brackets and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[USER_TICKS - 2]) + Number(fields[SYSTEM_TICKS - 2]);
    return ticks * MICROSECONDS_PER_TICK;
  } catch {
    return undefined;
  }
};
