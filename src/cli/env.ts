import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadEnvironment } from '../platform/environment.js';
import { readConfig, variables, type VariableName } from '../platform/config.js';
import { systemRandom } from '../platform/random.js';
import { newSecret } from '../platform/secrets.js';
import { CliError, print, table } from './output.js';

const generated: readonly VariableName[] = ['PULSESTREAM_SECRET', 'PULSESTREAM_OPERATOR_TOKEN'];

/** `env init`: writes a configuration with generated secrets; every other variable stands there, explained, as its default. */
export const envInit = async (options: { file: string; force: boolean }): Promise<void> => {
  const file = resolve(options.file);
  if (existsSync(file) && !options.force)
    throw new CliError(
      `${file} is there already.`,
      'Choose another with --file, or replace it with --force.',
    );
  const lines = Object.entries(variables).map(([name, variable]) => {
    const isGenerated = generated.includes(name as VariableName);
    const value = isGenerated ? newSecret(systemRandom) : 'default' in variable ? variable.default : '';
    return `# ${variable.doc}\n${isGenerated ? '' : '# '}${name}=${value}\n`;
  });
  // A file that is there keeps its mode when it is written; it must be narrowed before the secrets are in it.
  if (existsSync(file)) await chmod(file, 0o600);
  await writeFile(file, lines.join('\n'), { mode: 0o600 });
  console.log(`Wrote ${file} with new secrets. Keep it out of version control.`);
};

/** `env check`: says of every variable what holds and where it comes from, hides secrets, and fails on what does not fit. */
export const envCheck = (options: { json: boolean }): void => {
  const environment = loadEnvironment(process.cwd(), process.env);
  const outcome = readConfig(environment);
  const problems = outcome.ok ? [] : outcome.problems;
  const unknown = outcome.ok ? outcome.unknown : [];
  const rows = Object.entries(variables).map(([name, variable]) => {
    const given = environment[name];
    const isSet = given !== undefined && given !== '';
    const value = isSet ? given : 'default' in variable ? variable.default : undefined;
    const hidden = 'secret' in variable && value !== undefined;
    return {
      variable: name,
      value: hidden ? '[hidden]' : (value ?? null),
      source: isSet ? 'set' : value === undefined ? 'absent' : 'default',
      problem: problems.find((problem) => problem.variable === name)?.problem ?? null,
      doc: variable.doc,
    };
  });
  print(options.json, { ok: problems.length === 0, variables: rows, unknown }, () =>
    [
      table(
        rows.map((row) => [
          row.problem ? '✖' : '✓',
          row.variable,
          row.value ?? '–',
          row.source,
          row.problem ?? row.doc,
        ]),
      ),
      ...unknown.map((name) => `? ${name} is set, and PulseStream knows no such variable.`),
    ].join('\n'),
  );
  if (problems.length > 0) process.exitCode = 2;
};
