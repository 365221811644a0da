import type { IncomingHttpHeaders } from 'node:http';
import type { CommandContext, Concerned } from '../../commands/handle.js';
import type { Principal } from '../../domain/tenancy/access.js';

/** A request as a route sees it: everything checked and typed, nothing of any framework. */
export interface ApiRequest<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly principal: Principal;
  /** What commands want to know of the request. */
  readonly context: CommandContext;
  readonly headers: IncomingHttpHeaders;
  /** The path and query as sent. */
  readonly url: string;
  readonly ip: string;
}

/** An answer before it is on the wire; `body` becomes JSON unless it is bytes or text. */
export interface ApiResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: `application/json`. */
  readonly content_type?: string;
  readonly body?: unknown;
  /** Why the request was refused, where it was; not sent, but kept for the audit trail. */
  readonly refused?: { readonly code: string; readonly concerns?: Concerned };
}

export const POSITION_HEADER = 'X-PulseStream-Position';
