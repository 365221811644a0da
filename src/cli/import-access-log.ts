import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseAccessLogLine } from '../domain/telemetry/access-log.js';
import { CliError, configure, count, print } from './output.js';
import { showProgress } from './progress.js';
import { findServer } from './server-address.js';

const BATCH_LINES = 1000;
/** How often a batch is sent again where the server is busy or away, before the import gives up. */
const ATTEMPTS = 8;

interface ImportOptions {
  readonly service: string;
  readonly environment?: string;
  readonly apiKey?: string;
  readonly url?: string;
  readonly json: boolean;
}

interface Skipped {
  readonly line: number;
  readonly reason: string;
}

/**
 * `import access-log FILE`: sends a web server's access log as telemetry events.
 * Each batch goes under an `Idempotency-Key` made from its content and place in the file: importing the same file
 * again, or after an interruption, stores nothing twice. Lines that do not parse are counted and shown.
 */
export const importAccessLog = async (file: string, options: ImportOptions): Promise<void> => {
  const config = configure({ PULSESTREAM_URL: options.url, PULSESTREAM_API_KEY: options.apiKey });
  const server = await findServer(config);
  if (!server)
    throw new CliError('No server is running here.', 'Start one with npm start, or name one with --url.');
  const api_key = config.PULSESTREAM_API_KEY;
  if (!api_key)
    throw new CliError(
      'An API key is needed.',
      'Pass --api-key, or set PULSESTREAM_API_KEY; registering a tenant gives one.',
    );

  const { size } = await stat(file).catch(() => {
    throw new CliError(`${file} cannot be read.`);
  });
  const progress = showProgress('Importing', 'bytes', size, options.json);
  const totals = { lines: 0, accepted: 0, duplicates: 0, rejected: 0, skipped: 0, position: '' };
  const skipped: Skipped[] = [];
  const skip = (line: number, reason: string): void => {
    totals.skipped += 1;
    if (skipped.length < 20) skipped.push({ line, reason });
  };

  const send = async (batch: Batch): Promise<void> => {
    const answer = await postBatch(
      `${server}/api/v1/ingestion/events/batch`,
      api_key,
      batch.body(),
      batch.key(),
    );
    totals.accepted += answer.accepted;
    totals.duplicates += answer.duplicates;
    totals.rejected += answer.rejected;
    totals.position = answer.position;
  };

  const defaults = {
    service: options.service,
    ...(options.environment && { environment: options.environment }),
  };
  let batch = new Batch(0);
  let bytes = 0;
  const input = createReadStream(file);
  input.on('data', (chunk) => (bytes += chunk.length));
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      totals.lines += 1;
      if (line.trim() === '') continue;
      const parsed = parseAccessLogLine(line, defaults);
      if (parsed.ok) batch.add(line, JSON.stringify(parsed.event));
      else skip(totals.lines, parsed.reason);
      if (batch.size === BATCH_LINES) {
        await send(batch);
        progress.update(bytes, size);
        batch = new Batch(batch.number + 1);
      }
    }
    if (batch.size > 0) await send(batch);
    progress.update(size, size);
  } finally {
    progress.stop();
  }

  print(options.json, { file, ...totals, skipped_lines: skipped }, () =>
    [
      `${count(totals.accepted)} events imported from ${count(totals.lines)} lines of ${file}.`,
      ...(totals.duplicates > 0
        ? [`${count(totals.duplicates)} were there from an earlier import and were not stored again.`]
        : []),
      ...(totals.rejected > 0 ? [`${count(totals.rejected)} were rejected by the server.`] : []),
      ...(totals.skipped > 0 ? [`${count(totals.skipped)} lines did not parse:`] : []),
      ...skipped.map(({ line, reason }) => `  line ${count(line)}: ${reason}`),
    ].join('\n'),
  );
};

/** Some lines of the file, by their number in the sequence of batches. */
class Batch {
  readonly #events: string[] = [];
  readonly #hash = createHash('sha256');

  constructor(readonly number: number) {
    this.#hash.update(`${number}\n`);
  }

  get size(): number {
    return this.#events.length;
  }

  add(line: string, event: string): void {
    this.#events.push(event);
    this.#hash.update(`${line}\n`).update(`${event}\n`);
  }

  body(): string {
    return this.#events.join('\n');
  }

  key(): string {
    return `import-${this.#hash.copy().digest('hex')}`;
  }
}

interface BatchAnswer {
  readonly accepted: number;
  /** Stored by an earlier request with the same key. */
  readonly duplicates: number;
  readonly rejected: number;
  readonly position: string;
}

/** Sends a batch, again where the server says that it is busy; the key makes a repeat harmless. */
const postBatch = async (url: string, api_key: string, body: string, key: string): Promise<BatchAnswer> => {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await tryBatch(url, api_key, body, key);
    if ('accepted' in outcome) return outcome;
    if (!outcome.retryable || attempt === ATTEMPTS) throw new CliError(outcome.problem, outcome.hint);
    await new Promise((resolve) => setTimeout(resolve, Math.min(100 * 2 ** attempt, 5000)));
  }
};

type Failure = { readonly problem: string; readonly hint?: string; readonly retryable: boolean };

const tryBatch = async (
  url: string,
  api_key: string,
  body: string,
  key: string,
): Promise<BatchAnswer | Failure> => {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-api-key': api_key, 'idempotency-key': key },
      body,
    });
  } catch {
    return {
      problem: `${url} cannot be reached.`,
      hint: 'Start the server, then run the import again: it goes on.',
      retryable: true,
    };
  }
  const answer = (await response.json()) as Partial<BatchAnswer> & { detail?: string; code?: string };
  if (response.ok) {
    const { accepted = 0, duplicates = 0, rejected = 0, position = '' } = answer;
    // The answer of an earlier request says what that one stored; this one stored nothing.
    return response.headers.get('idempotency-replayed') === 'true'
      ? { accepted: 0, duplicates: accepted + duplicates, rejected, position }
      : { accepted, duplicates, rejected, position };
  }
  return {
    problem: `The server answered ${response.status}: ${answer.detail ?? answer.code ?? 'no reason given'}`,
    hint:
      response.status === 401
        ? 'Check the API key.'
        : 'Run the import again when that is mended: it goes on where it stopped.',
    retryable: [409, 429, 502, 503, 504].includes(response.status),
  };
};
