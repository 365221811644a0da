import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import type { Figures } from '../step.js';

/** What a search by the usual tools takes for a word in a file of lines: as it is, and compressed. */
export const grepping = (file: string, word: string): Figures => {
  const bytes = statSync(file).size;
  shell('gzip -1 -c "$1" > "$1.gz"', file);
  return {
    ...measured('grep', bytes, 'grep -c -i -F -- "$2" "$1"', file, word),
    ...measured('zgrep', bytes, 'gzip -dc "$1.gz" | grep -c -i -F -- "$2"', file, word),
  };
};

const measured = (name: string, bytes: number, command: string, file: string, word: string): Figures => {
  // The first run brings the file into the system's memory, as it is for the server.
  shell(command, file, word);
  const said = shell(`time { ${command}; }`, file, word);
  const [elapsed = NaN, user = NaN, system = NaN] = (said.trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number);
  return {
    [`${name}_bytes_per_second`]: bytes / elapsed,
    [`${name}_bytes_per_cpu_second`]: bytes / (user + system),
  };
};

/** What a command says on standard error: bash's `time` does so. */
const shell = (command: string, ...args: readonly string[]): string => {
  const script = `export LC_ALL=C TIMEFORMAT='%R %U %S'; ${command}`;
  const { status, stderr } = spawnSync('bash', ['-c', script, 'bash', ...args], { encoding: 'utf8' });
  // grep says with 1 that it found nothing.
  if (status !== 0 && status !== 1) throw new Error(`${command} ended with ${String(status)}: ${stderr}`);
  return stderr;
};
