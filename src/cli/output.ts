import { loadEnvironment } from '../platform/environment.js';
import { readConfig, type Config } from '../platform/config.js';

/** An error that is the person's to mend: printed without a stack, with what to do next. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly hint?: string,
    readonly exit_code: 1 | 2 = 1,
  ) {
    super(message);
    this.name = 'CliError';
  }
}

/** Prints a result: as one line of JSON for programs, or as the text for people. */
export const print = (json: boolean, value: object, text: () => string): void =>
  console.log(json ? JSON.stringify(value) : text());

/** Columns, each as wide as its widest cell; numbers stand on the right. */
export const table = (rows: readonly (readonly (string | number)[])[]): string => {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, display(cell).length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          typeof cell === 'number'
            ? display(cell).padStart(widths[column] ?? 0)
            : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

const display = (cell: string | number): string => (typeof cell === 'number' ? count(cell) : cell);

/** A number as people read it: 1,234,567. */
export const count = (value: number): string => value.toLocaleString('en-GB');

/** The configuration of this directory and environment; what is wrong with it is one error that names it all. */
export const configure = (overrides: Readonly<Record<string, string | undefined>> = {}): Config => {
  const environment = loadEnvironment(process.cwd(), process.env);
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const outcome = readConfig({ ...environment, ...given });
  if (!outcome.ok)
    throw new CliError(
      `The configuration does not hold:\n${outcome.problems.map(({ variable, problem }) => `  ${variable} ${problem}`).join('\n')}`,
      'pulsestream env check shows every variable with its meaning.',
      2,
    );
  return outcome.config;
};
