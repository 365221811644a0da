import type { IncomingAnswer } from './transport.js';

export type DropReason =
  'queue_full' | 'invalid' | 'too_large' | 'rejected' | 'unauthorized' | 'failed' | 'expired' | 'closed';

/** What became of a batch, by the API's answer. */
export type Verdict =
  | {
      readonly kind: 'stored';
      /** Those that were not stored, by their places in the batch: for good, and worth another attempt. */
      readonly refused: ReadonlySet<number>;
      readonly again: ReadonlySet<number>;
    }
  | { readonly kind: 'retry'; readonly after_ms?: number; readonly why: string }
  | { readonly kind: 'split'; readonly why: string }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly why: string };

/** Passing: the server is busy, away, out of disk, or still at the first attempt of this very request (409). */
const PASSING: ReadonlySet<number> = new Set([408, 409, 429, 502, 503, 504, 507]);
/** However long a server asks to be left alone, it is asked again after this. */
const LONGEST_WAIT_MS = 300_000;

const retryAfter = ({ headers }: IncomingAnswer, now: number): number | undefined => {
  const text = headers['retry-after']?.trim() ?? '';
  if (text === '') return undefined;
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(milliseconds) ? undefined : Math.min(Math.max(0, milliseconds), LONGEST_WAIT_MS);
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const parse = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

/** What a 200 says; undefined where it does not account for every event by name and so is not this API's. */
const storedOf = (body: Readonly<Record<string, unknown>>, events: number): Verdict | undefined => {
  const { accepted, duplicates, rejected, errors } = body;
  if (!isCount(accepted) || !isCount(duplicates) || !isCount(rejected)) return undefined;
  if (accepted + duplicates + rejected !== events) return undefined;
  const refused = new Set<number>();
  const again = new Set<number>();
  for (const error of Array.isArray(errors) ? (errors as unknown[]) : []) {
    const { index, retryable } = Object(error) as Record<string, unknown>;
    if (isCount(index) && index < events) (retryable === true ? again : refused).add(index);
  }
  return refused.size + again.size === rejected ? { kind: 'stored', refused, again } : undefined;
};

/** What to do with a batch of so many events after this answer. */
export const judge = (answer: IncomingAnswer, events: number, now: number): Verdict => {
  const { status } = answer;
  const body = parse(answer.body);
  const why = `${status} ${typeof body.code === 'string' ? body.code : ''}`.trim();
  const after_ms = retryAfter(answer, now);
  const retry: Verdict = { kind: 'retry', why, ...(after_ms !== undefined && { after_ms }) };
  if (status === 200) return storedOf(body, events) ?? { kind: 'retry', why: '200 not by PulseStream' };
  if (PASSING.has(status)) return retry;
  switch (status) {
    case 413:
      return events > 1 ? { kind: 'split', why } : { kind: 'drop', reason: 'too_large', why };
    case 403:
      // A deployment's guard refuses writes for as long as it takes, and says when to come again.
      return after_ms === undefined ? { kind: 'drop', reason: 'unauthorized', why } : retry;
    case 401:
      return { kind: 'drop', reason: 'unauthorized', why };
    case 400:
    case 422:
      return { kind: 'drop', reason: 'rejected', why };
    default:
      return { kind: 'drop', reason: 'failed', why };
  }
};

export interface BackOff {
  readonly first_ms: number;
  readonly longest_ms: number;
}

/** How long to wait before an attempt: doubling, with chance so that many clients do not come back at once. */
export const waitBefore = (
  attempt: number,
  after_ms: number | undefined,
  { first_ms, longest_ms }: BackOff,
  random: number,
): number => {
  const step = Math.min(longest_ms, first_ms * 2 ** Math.min(attempt, 30));
  return after_ms === undefined ? step * (0.5 + random / 2) : after_ms + Math.min(step, 1000) * random;
};
