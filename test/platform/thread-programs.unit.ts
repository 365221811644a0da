import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root } from '../support/started-server.js';

const sources = join(root, 'src');

/** What a file imports when it runs: imports of types alone are gone by then. */
const importsOf = (file: string): readonly string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type )(?:[^;='"]* from )?'([^']+)';/gm)].map(
    ([, from]) => from ?? '',
  );

/** The packages that are loaded with a program, by it or by what it imports. */
const packagesOf = (program: string): readonly string[] => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const from of importsOf(file)) {
      if (from.startsWith('.')) visit(join(dirname(file), from.replace(/\.js$/, '.ts')));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  };
  visit(program);
  return [...packages];
};

// Threads are started when somebody waits for them, and a library takes longer to load than all else that they need.
describe('The programs of threads', () => {
  const programs = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('-worker.ts'),
  );

  it('are those of the log, of sealing, of searching, of decoding and of passwords', () => {
    expect(programs.length).toBeGreaterThanOrEqual(5);
  });

  it.each(programs)('load no library but the one of passwords: %s', (program) => {
    expect(packagesOf(join(sources, program)).filter((name) => name !== 'bcrypt')).toEqual([]);
  });
});
