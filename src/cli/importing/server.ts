import { CliError } from '../output.js';

/** A line of a batch that the server did not take. */
export interface Refused {
  readonly index: number;
  readonly reason: string;
}

export interface SentBatch {
  readonly accepted: number;
  /** Stored by an earlier request. */
  readonly duplicates: number;
  readonly refused: readonly Refused[];
  readonly position: string;
}

/** How long the server may be away, or fail, without an answer in between, before the import gives up. */
const PATIENCE_MS = 120_000;
/** The same of a server that has not answered at all. */
const FIRST_PATIENCE_MS = 5_000;
const ANSWER_MS = 60_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const AGAIN = new Set([409, 429, 502, 503, 504]);

interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly code: string; readonly detail: string }[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The server, as an importer sees it: it waits where it is told to, and repeats what may be repeated. */
export class ImportServer {
  /** Nobody asks before this time, by the monotonic clock. */
  #not_before = 0;
  #last_answer = performance.now();
  #patience = FIRST_PATIENCE_MS;

  constructor(
    private readonly url: string,
    private readonly api_key: string,
  ) {}

  /** The tenant that the key is of. */
  async tenant(): Promise<string> {
    const { status, body } = await this.#ask({ method: 'GET', path: '/api/v1/auth/tenant/profile' });
    const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : undefined;
    if (status !== 200 || typeof id !== 'string') throw failure(status, body);
    return id;
  }

  /** Sends events, one a line, under a key that makes a repetition harmless. */
  async send(body: string, key: string): Promise<SentBatch> {
    const answer = await this.#ask({
      method: 'POST',
      path: '/api/v1/ingestion/events/batch?verbose=true',
      headers: {
        'content-type': 'application/x-ndjson',
        'idempotency-key': key,
        'x-pulsestream-origin': 'import',
      },
      body,
    });
    const { status, headers } = answer;
    const problem = answer.body as Problem;
    if (status === 400 && problem.code === 'no_valid_events')
      return { accepted: 0, duplicates: 0, refused: refusedOf(problem), position: '' };
    if (status !== 200) throw failure(status, answer.body);
    const { accepted, duplicates, errors, position } = answer.body as {
      readonly accepted: number;
      readonly duplicates: number;
      readonly errors: readonly {
        readonly index: number;
        readonly pointer: string;
        readonly detail: string;
      }[];
      readonly position: string;
    };
    const refused = errors.map(({ index, pointer, detail }) => ({
      index,
      reason: `${pointer} ${detail}`.trim(),
    }));
    // The answer of an earlier request says what that one stored; this one stored nothing.
    return headers.get('idempotency-replayed') === 'true'
      ? { accepted: 0, duplicates: accepted + duplicates, refused, position }
      : { accepted, duplicates, refused, position };
  }

  async #ask(request: Request): Promise<Answer> {
    for (let backoff = FIRST_PAUSE_MS; ; backoff = Math.min(backoff * 2, LONGEST_PAUSE_MS)) {
      const wait = this.#not_before - performance.now();
      if (wait > 0) await pause(wait);
      const answer = await this.#try(request);
      const seconds = Number(answer?.headers.get('retry-after') ?? NaN);
      const is_told = answer !== undefined && answer.status !== 200 && seconds >= 0;
      const is_final = answer !== undefined && !is_told && !AGAIN.has(answer.status);
      // A server that says when to come back is there; it is waited for as long as it says so.
      if (is_told || is_final) {
        this.#last_answer = performance.now();
        this.#patience = PATIENCE_MS;
      }
      if (is_final) return answer;
      if (performance.now() - this.#last_answer > this.#patience)
        throw answer
          ? failure(answer.status, answer.body)
          : new CliError(
              `${this.url} cannot be reached.`,
              'Start the server, then run the import again: it goes on.',
            );
      this.#not_before = Math.max(this.#not_before, performance.now() + (is_told ? seconds * 1000 : backoff));
    }
  }

  /** One request; undefined where there was no answer. */
  async #try({ method, path, headers, body }: Request): Promise<Answer | undefined> {
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: { 'x-api-key': this.api_key, ...headers },
        signal: AbortSignal.timeout(ANSWER_MS),
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: jsonOf(text) };
    } catch {
      return undefined;
    }
  }
}

/** An answer's JSON; of something else that stands in front of the server, nothing. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
};

/** A problem says of each event what is wrong with it by a pointer: `/17/timestamp`. */
const refusedOf = ({ errors = [] }: Problem): readonly Refused[] =>
  errors.map(({ pointer, detail }) => {
    const [, index = '', ...field] = pointer.split('/');
    return {
      index: Number(index),
      reason: `${field.length > 0 ? `/${field.join('/')} ` : ''}${detail}`,
    };
  });

const failure = (status: number, body: unknown): CliError => {
  const { code, detail } = (body ?? {}) as Problem;
  return new CliError(
    `The server answered ${status}: ${detail ?? code ?? 'no reason given'}`,
    status === 401
      ? 'Check the API key.'
      : 'Run the import again when that is mended: it goes on where it stopped.',
  );
};
