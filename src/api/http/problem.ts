import type { CommandRefusal, Concerned, FieldError, RefusalKind } from '../../commands/handle.js';
import { EventStoreUnavailable } from '../../eventstore/event-store.js';
import { BeingCorrected } from '../../projections/visible-models.js';
import type { ApiResponse } from './message.js';

/** Why a request was not carried out, as RFC 9457 says it; `code` is stable and machine readable. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly retry_after_seconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** See {@link CommandRefusal}; never told. */
  readonly concerns?: Concerned;
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Cannot be processed',
  426: 'Upgrade required',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Not available now',
  507: 'Disk full',
};

const statuses: Readonly<Record<RefusalKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  guarded: 403,
  not_found: 404,
  conflict: 409,
  stale: 412,
  too_large: 413,
  unprocessable: 422,
  busy: 429,
  unavailable: 503,
  disk_full: 507,
};

/** Seconds after which to try again, where nobody knows better. */
const patience: Readonly<Record<number, number | undefined>> = { 429: 1, 503: 2, 507: 30 };
const GUARD_PATIENCE = 30;

export const problem = (
  status: number,
  code: string,
  detail: string,
  more: Pick<Problem, 'errors' | 'retry_after_seconds' | 'headers' | 'concerns'> = {},
): Problem => ({ status, code, detail, ...more });

/** A command's refusal as the API tells it. */
export const ofRefusal = (refusal: CommandRefusal): Problem => {
  const retry_after_seconds =
    refusal.retry_after_seconds ?? (refusal.kind === 'guarded' ? GUARD_PATIENCE : undefined);
  return problem(statuses[refusal.kind], refusal.code, refusal.detail, {
    ...(refusal.errors && { errors: refusal.errors }),
    ...(retry_after_seconds !== undefined && { retry_after_seconds }),
    ...(refusal.kind === 'unauthenticated' && { headers: CHALLENGE }),
    ...(refusal.concerns && { concerns: refusal.concerns }),
  });
};

/** What a 401 has to ask for (RFC 9110 §11.6.1). */
export const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="pulsestream"' } as const;

export const unauthenticated = (detail: string): Problem =>
  problem(401, 'unauthenticated', detail, { headers: CHALLENGE });

/** An error that nobody turned into a value: the store being away is passing, everything else is a bug and says nothing. */
export const ofError = (error: unknown): Problem => {
  if (error instanceof EventStoreUnavailable)
    return error.reason === 'disk_full'
      ? problem(507, 'disk_full', 'The disk is full; nothing was stored.')
      : problem(503, 'store_unavailable', 'The event store cannot be reached now.');
  if (error instanceof BeingCorrected)
    return problem(503, 'being_corrected', 'What is asked for is being made anew without what is set aside.');
  return problem(500, 'internal_error', 'Something went wrong here. The request id finds it in the logs.');
};

const retryAfter = (seconds: number | undefined): Record<string, string> =>
  seconds === undefined ? {} : { 'Retry-After': String(Math.ceil(seconds)) };

/** The headers of an answer that carries a problem. */
export const problemHeaders = ({
  status,
  headers,
  retry_after_seconds,
}: Problem): Readonly<Record<string, string>> => ({
  ...headers,
  ...retryAfter(retry_after_seconds ?? patience[status]),
});

/** The answer that carries a problem. */
export const problemResponse = (
  reason: Problem,
  request: { readonly request_id: string; readonly instance: string },
): ApiResponse => {
  const { status, code, detail, errors } = reason;
  return {
    status,
    headers: problemHeaders(reason),
    content_type: 'application/problem+json',
    refused: { code, ...(reason.concerns && { concerns: reason.concerns }) },
    body: {
      type: `urn:pulsestream:problem:${code}`,
      title: titles[status] ?? 'Problem',
      status,
      detail,
      instance: request.instance,
      code,
      request_id: request.request_id,
      ...(errors && { errors }),
    },
  };
};
