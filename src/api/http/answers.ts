import type { CommandResult } from '../../commands/handle.js';
import type { Json } from '../../domain/json.js';
import { decodeCursor, encodeCursor } from '../../projections/cursor.js';
import type { AnyProjection } from '../../projections/projection.js';
import type { ApiServices } from '../dependencies.js';
import { POSITION_HEADER, type ApiRequest, type ApiResponse } from './message.js';
import { ofRefusal, problem, problemResponse, type Problem } from './problem.js';

/** How long a command's answer waits for the read models that show what it did; it then comes all the same. */
const READ_YOUR_WRITES_MS = 2_000;

/** The answer that says why not. */
export const refuse = (reason: Problem, request: ApiRequest): ApiResponse =>
  problemResponse(reason, {
    request_id: request.context.request_id,
    instance: request.url.split('?', 1)[0] ?? '',
  });

export const notFound = (request: ApiRequest, what: string): ApiResponse =>
  refuse(problem(404, 'not_found', `There is no such ${what}.`), request);

interface CommandAnswer<R> {
  readonly status: number;
  /** The read models that the client will look at next. */
  readonly awaits?: readonly AnyProjection[];
  readonly body: (value: R) => object;
  readonly headers?: (value: R) => Readonly<Record<string, string>>;
}

/** A command's result as an answer: its position in body and header, once its own read models have got there. */
export const answer = async <R>(
  result: CommandResult<R>,
  request: ApiRequest,
  api: Pick<ApiServices, 'models'>,
  { status, awaits = [], body, headers }: CommandAnswer<R>,
): Promise<ApiResponse> => {
  if (!result.ok) return refuse(ofRefusal(result.refusal), request);
  const { value, position, replayed } = result;
  if (awaits.length > 0) await api.models.reached(awaits, position, READ_YOUR_WRITES_MS);
  return {
    status,
    headers: {
      [POSITION_HEADER]: position,
      ...(replayed && request.context.idempotency_key !== undefined && { 'Idempotency-Replayed': 'true' }),
      ...headers?.(value),
    },
    body: { ...body(value), position },
  };
};

/** What a read answers: with the position it reflects. */
export const found = (
  body: { readonly position: string },
  headers: Record<string, string> = {},
): ApiResponse => ({
  status: 200,
  headers: { [POSITION_HEADER]: body.position, ...headers },
  body,
});

/** Reads a list's cursor; a problem where it is none of ours. */
export const readCursor = (
  cursor: string | undefined,
): { readonly ok: true; readonly after?: Json } | { readonly ok: false; readonly problem: Problem } => {
  if (cursor === undefined) return { ok: true };
  const after = decodeCursor(cursor);
  return after === undefined
    ? { ok: false, problem: problem(400, 'invalid_cursor', 'The cursor is none that this list gave.') }
    : { ok: true, after };
};

/** One page of a list, with the way to the next one in body and `Link` header. */
export const pageOf = (
  request: ApiRequest,
  list: { readonly data: readonly unknown[]; readonly next?: Json; readonly position: string },
): ApiResponse => {
  const next_cursor = list.next === undefined ? null : encodeCursor(list.next);
  return found(
    { data: list.data, next_cursor, position: list.position } as { position: string },
    next_cursor === null ? {} : { Link: `<${nextAddress(request.url, next_cursor)}>; rel="next"` },
  );
};

const nextAddress = (url: string, cursor: string): string => {
  const [path = '', search = ''] = url.split('?', 2);
  const query = new URLSearchParams(search);
  query.set('cursor', cursor);
  return `${path}?${query.toString()}`;
};
