import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../platform/config.js';
import type { DurationUnit } from '../domain/telemetry/access-log/combined.js';
import {
  formatNamed,
  formats,
  type LogFormat,
  type Reading,
} from '../domain/telemetry/access-log/formats.js';
import { timeZone } from '../domain/telemetry/access-log/times.js';
import {
  importSource,
  noTotals,
  type BadLine,
  type Totals,
  type Workshop,
} from './importing/import-source.js';
import { ImportServer } from './importing/server.js';
import { openSource, sizeOf } from './importing/source.js';
import { ImportState } from './importing/state.js';
import { CliError, configure, count, print } from './output.js';
import { showProgress } from './progress.js';
import { findServer } from './server-address.js';

export interface ImportOptions {
  readonly format?: string;
  readonly service?: string;
  readonly environment?: string;
  readonly timeZone: string;
  readonly durationUnit?: string;
  readonly rejects?: string;
  readonly state?: string;
  readonly dryRun: boolean;
  readonly apiKey?: string;
  readonly url?: string;
  readonly json: boolean;
}

/** How many lines that were not stored, and events of a dry run, are shown. */
const SHOWN = 20;
const SAMPLE = 5;

interface FileOutcome extends Totals {
  readonly file: string;
  readonly format: string | null;
}

/** The help's list of formats. */
export const describeFormats = (): string =>
  `\nFormats:\n${formats.map(({ name, title, aliases }) => `  ${name.padEnd(10)}${title}${aliases.length > 0 ? ` (also: ${aliases.join(', ')})` : ''}`).join('\n')}`;

/**
 * `import FILE…`: sends logs as telemetry events, each line once: again, after an interruption, or when the file has
 * grown. What is promised of that stands in docs/import.md.
 */
export const importFiles = async (files: readonly string[], options: ImportOptions): Promise<void> => {
  const config = configure({ PULSESTREAM_URL: options.url, PULSESTREAM_API_KEY: options.apiKey });
  const choices = choicesOf(options);
  for (const file of files) await sizeOf(file);
  const server = options.dryRun ? undefined : await serverOf(config);
  const tenant = (await server?.tenant()) ?? '';

  const bad: Omit<BadLine, 'text'>[] = [];
  const sample: string[] = [];
  let would_send = 0;
  const show = (lines: readonly BadLine[]): void => {
    for (const { file, line, reason } of lines) if (bad.length < SHOWN) bad.push({ file, line, reason });
  };
  const rejects = new RejectsFile(options.rejects);
  const workshop: Omit<Workshop, 'onFormat'> = {
    ...(choices.format && { format: choices.format }),
    readingOf: (format) => readingOf(choices, format, options),
    seedOf: (format) =>
      JSON.stringify([
        'pulsestream-import-1',
        tenant,
        format.name,
        readingOf(choices, format, options).labels,
        options.timeZone,
        options.durationUnit ?? null,
      ]),
    stateOf: async (first_line) =>
      server && (await ImportState.open(options.state ?? stateFile(config, tenant, first_line))),
    server,
    onBad: (lines) => {
      show(lines);
      return rejects.write(lines);
    },
    onKnownBad: show,
    onEvent: (event) => {
      would_send += 1;
      if (sample.length < SAMPLE) sample.push(event);
    },
  };

  const outcomes: FileOutcome[] = [];
  let position = '';
  try {
    for (const file of files) {
      const totals = noTotals();
      const source = await openSource(file);
      const progress = showProgress('Importing', 'bytes', source.size, options.json);
      try {
        const done = await importSource(
          source,
          {
            ...workshop,
            onFormat: (format) => {
              if (!options.json) console.error(chosen(file, format, choices.format !== undefined));
            },
          },
          totals,
          progress,
        );
        if (done && done.position > position) ({ position } = done);
        outcomes.push({ file, format: done?.format.name ?? null, ...totals });
      } finally {
        progress.stop();
      }
    }
  } finally {
    await rejects.close();
  }
  const told = { position, bad, json: options.json };
  report(outcomes, { ...told, ...(options.dryRun && { dry_run: { events: would_send, sample } }) });
};

interface Choices {
  readonly format: LogFormat | undefined;
  readonly reading: Omit<Reading, 'labels'>;
}

const isUnit = (text: string): text is DurationUnit => text === 's' || text === 'ms' || text === 'us';

/** What the options mean; wrong ones end with 2 before anything is read. */
const choicesOf = ({ format: name, timeZone: zone_name, durationUnit: unit }: ImportOptions): Choices => {
  const format = name === undefined ? undefined : formatNamed(name);
  if (name !== undefined && !format)
    throw new CliError(
      `There is no format ${name}.`,
      `There are ${formats.map((one) => one.name).join(', ')}.`,
      2,
    );
  const zone = timeZone(zone_name);
  if (!zone)
    throw new CliError(
      `There is no time zone ${zone_name}.`,
      'Write it like Europe/Berlin, +02:00 or UTC.',
      2,
    );
  if (unit !== undefined && !isUnit(unit))
    throw new CliError(`There is no unit ${unit}.`, 'It is s, ms or us.', 2);
  return { format, reading: { zone, ...(unit !== undefined && { duration_unit: unit }) } };
};

const readingOf = ({ reading }: Choices, format: LogFormat, options: ImportOptions): Reading => {
  const service = options.service ?? format.service;
  const { environment } = options;
  return {
    ...reading,
    labels: { ...(service !== undefined && { service }), ...(environment !== undefined && { environment }) },
  };
};

const serverOf = async (config: Config): Promise<ImportServer> => {
  const url = await findServer(config);
  if (url === undefined)
    throw new CliError('No server is running here.', 'Start one with npm start, or name one with --url.');
  if (!config.PULSESTREAM_API_KEY)
    throw new CliError(
      'An API key is needed.',
      'Pass --api-key, or set PULSESTREAM_API_KEY; registering a tenant gives one.',
    );
  return new ImportServer(url, config.PULSESTREAM_API_KEY);
};

/** Where the state of logs with such a first line is kept: in the data directory, or the user's own where there is none. */
const stateFile = (config: Config, tenant: string, first_line: string): string => {
  const directory = existsSync(config.PULSESTREAM_DATA_DIR)
    ? join(config.PULSESTREAM_DATA_DIR, 'imports')
    : join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'pulsestream', 'imports');
  return join(directory, `${hash('sha256', `${tenant}\n${first_line}`).slice(0, 32)}.jsonl`);
};

/** Lines that were not stored, for `--rejects`: each as JSON with its place, the reason and its text. */
class RejectsFile {
  #handle: FileHandle | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(private readonly file: string | undefined) {}

  write(lines: readonly BadLine[]): Promise<void> {
    const { file } = this;
    if (file === undefined) return Promise.resolve();
    this.#writing = this.#writing.then(async () => {
      this.#handle ??= await open(file, 'a', 0o600).catch(() => {
        throw new CliError(`${file} cannot be written.`, 'Name another file with --rejects.');
      });
      await this.#handle.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    });
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

const chosen = (file: string, { name, title }: LogFormat, was_named: boolean): string =>
  `${file}: ${title} (${was_named ? `--format ${name}` : `recognised; --format ${name} names it`})`;

interface Told {
  readonly position: string;
  readonly bad: readonly Omit<BadLine, 'text'>[];
  readonly json: boolean;
  /** Of a dry run: how many events would be sent, and some of them. */
  readonly dry_run?: { readonly events: number; readonly sample: readonly string[] };
}

const report = (outcomes: readonly FileOutcome[], { position, bad, dry_run, json }: Told): void => {
  const totals = noTotals();
  for (const outcome of outcomes)
    for (const name of Object.keys(totals) as (keyof Totals)[]) totals[name] += outcome[name];
  const sample = dry_run?.sample.map((text) => JSON.parse(text) as unknown);
  const [only] = outcomes;
  const what = outcomes.length === 1 && only ? only.file : `${count(outcomes.length)} files`;
  print(
    json,
    {
      ...(outcomes.length === 1 && only && { file: only.file, format: only.format }),
      ...totals,
      position,
      skipped_lines: bad,
      ...(dry_run && { dry_run: true, events: dry_run.events, sample }),
      files: outcomes,
    },
    () =>
      [
        dry_run
          ? `${count(dry_run.events)} events would be sent from ${count(totals.lines)} lines of ${what}. The first:`
          : `${count(totals.accepted)} events imported from ${count(totals.lines)} lines of ${what}.`,
        ...(dry_run?.sample ?? []).map((event) => `  ${event}`),
        ...(totals.duplicates > 0
          ? [`${count(totals.duplicates)} were there from an earlier import and were not stored again.`]
          : []),
        ...(totals.left > 0
          ? ['The last line has no line break and may not be whole yet: it was left for the next time.']
          : []),
        ...(totals.rejected > 0 ? [`${count(totals.rejected)} were rejected by the server.`] : []),
        ...(totals.skipped > 0 ? [`${count(totals.skipped)} lines did not parse.`] : []),
        ...bad.map(
          ({ file, line, reason }) =>
            `  ${outcomes.length === 1 ? '' : `${file}, `}line ${count(line)}: ${reason}`,
        ),
      ].join('\n'),
  );
};
