import type { CommandResult } from '../../commands/handle.js';
import type { TenantId } from '../../domain/ids.js';
import type { Json } from '../../domain/json.js';
import { decodeCursor, encodeCursor } from '../../projections/cursor.js';
import type { AnyProjection } from '../../projections/projection.js';
import type { ApiServices } from '../dependencies.js';
import { DEFAULT_LIMIT } from './schemas.js';
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

/** A command's result as an answer, once its own read models have got there. */
export const answer = async <R>(
  result: CommandResult<R>,
  request: ApiRequest,
  api: Pick<ApiServices, 'models'>,
  { awaits = [], ...form }: CommandAnswer<R>,
): Promise<ApiResponse> => {
  if (result.ok && awaits.length > 0) await api.models.reached(awaits, result.position, READ_YOUR_WRITES_MS);
  return answerNow(result, request, form);
};

/** The same for a command whose client looks at no read model next: its position in body and header. */
export const answerNow = <R>(
  result: CommandResult<R>,
  request: ApiRequest,
  { status, body, headers }: Omit<CommandAnswer<R>, 'awaits'>,
): ApiResponse => {
  if (!result.ok) return refuse(ofRefusal(result.refusal), request);
  const { value, position, replayed } = result;
  const its: Record<string, string> = { [POSITION_HEADER]: position };
  if (replayed && request.context.idempotency_key !== undefined) its['Idempotency-Replayed'] = 'true';
  return {
    status,
    headers: headers ? Object.assign(its, headers(value)) : its,
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

/** The tenant that a request is of; routes that call this let nobody in who has none. */
export const tenantOf = ({ principal }: Pick<ApiRequest, 'principal'>): TenantId => {
  if (principal.tenant_id === undefined) throw new Error('This route let somebody in who has no tenant.');
  return principal.tenant_id;
};

/** A list's parameters as queries take them. */
export interface Paging {
  readonly limit: number;
  readonly after?: Json;
}

/** One page as queries give it; `next` is where the next one goes on. */
export interface Page {
  readonly data: readonly unknown[];
  readonly next?: Json;
  readonly position: string;
}

/** One page of a list, with the way to the next one in body and `Link` header; a problem where the cursor is none of ours. */
export const listing = async (
  request: ApiRequest<unknown, { readonly limit?: number; readonly cursor?: string }>,
  query: (paging: Paging) => Promise<Page | undefined>,
): Promise<ApiResponse> => {
  const { limit = DEFAULT_LIMIT, cursor } = request.query;
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const foreign = cursor !== undefined && after === undefined;
  const list = foreign ? undefined : await query({ limit, ...(after !== undefined && { after }) });
  if (!list)
    return refuse(problem(400, 'invalid_cursor', 'The cursor is none that this list gave.'), request);
  const next_cursor = list.next === undefined ? null : encodeCursor(list.next);
  const body = { data: list.data, next_cursor, position: list.position };
  return found(
    body,
    next_cursor === null ? {} : { Link: `<${nextAddress(request.url, next_cursor)}>; rel="next"` },
  );
};

const nextAddress = (url: string, cursor: string): string => {
  const [path = '', search = ''] = url.split('?', 2);
  const query = new URLSearchParams(search);
  query.set('cursor', cursor);
  return `${path}?${query.toString()}`;
};
