import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const compiled = !import.meta.url.endsWith('.ts');

/** What Node.js runs: a program of this folder, compiled as it stands, from the sources through the tests' loader. */
export const programOf = (program: string): readonly string[] =>
  compiled
    ? [fileURLToPath(new URL(`./${program}.js`, import.meta.url))]
    : [
        '--import',
        fileURLToPath(new URL('../../test/support/typescript.mjs', import.meta.url)),
        fileURLToPath(new URL(`./${program}.ts`, import.meta.url)),
      ];

/** Has a program of this folder work in a process of its own, whose delays are not the server's; JSON in, JSON out. */
export const fromOutside = async (program: string, input: object): Promise<unknown> => {
  const child = spawn(process.execPath, programOf(program), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(input));
  const closed = once(child, 'close') as Promise<[number | null]>;
  const [output, [code]] = await Promise.all([text(child.stdout), closed]);
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}.`);
  return JSON.parse(output) as unknown;
};
