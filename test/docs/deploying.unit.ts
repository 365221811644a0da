import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'docs', 'deploying.md'), 'utf8');
const blocks = [...text.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language = '', code = '']) => ({
  language,
  code,
}));
const main = readFileSync(join(root, 'src', 'cli', 'main.ts'), 'utf8');

describe('docs/deploying.md', () => {
  it('has examples for GitHub Actions and Kubernetes that are YAML of their kind', () => {
    const documents = blocks
      .filter(({ language }) => language === 'yaml')
      .map(({ code }) => parse(code) as Readonly<Record<string, unknown>>);
    expect(documents).toMatchObject([
      { jobs: { deploy: { steps: expect.any(Array) } } },
      { kind: 'StatefulSet', spec: { replicas: 1 } },
    ]);
  });

  it('uses options of the command line that there are', () => {
    const commands = blocks.map(({ code }) => code.replaceAll('\\\n', ' ')).join('\n');
    const used = [...commands.matchAll(/pulsestream deploy \w+([^\n]*?)(?: -- |\n)/g)].flatMap(
      ([, options = '']) =>
        [...options.replaceAll(/'[^']*'/g, '').matchAll(/--[a-z-]+/g)].map(([option]) => option),
    );
    expect(used.length).toBeGreaterThan(5);
    for (const option of used) expect(main).toContain(`'${option}`);
  });
});
