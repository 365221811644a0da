import type { IncomingHttpHeaders } from 'node:http';
import { anonymousPrincipal, type Principal } from '../../domain/tenancy/access.js';
import type { ApiServices } from '../dependencies.js';
import { clientOf } from './context.js';
import type { ApiResponse } from './message.js';
import type { Route } from './route.js';

/** Refusals of somebody who wanted something done; what is malformed (400, 413, 415) says nothing of the kind. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 404, 409, 412, 422, 429]);
/** Of reading, what was not allowed. */
const NOT_ALLOWED: ReadonlySet<number> = new Set([401, 403]);

/**
 * Notes in the audit trail that something was refused. Telemetry has a place of its own for that: the tenant's ingest
 * issues, which count it.
 */
export const noteRefused = (
  { refusedActs }: Pick<ApiServices, 'refusedActs'>,
  { method, path, limit }: Route,
  {
    headers,
    request_id,
    ip,
  }: {
    readonly headers: IncomingHttpHeaders;
    readonly request_id: string;
    readonly ip: string;
  },
  principal: Principal = anonymousPrincipal,
  { status, refused }: ApiResponse,
): void => {
  if (!refused || limit === 'events') return;
  if (!(method === 'GET' ? NOT_ALLOWED : REFUSED).has(status)) return;
  const { tenant_id, actor } = refused.concerns ?? principal;
  refusedActs.note(tenant_id, {
    actor,
    action: `${method} ${path}`,
    code: refused.code,
    status,
    request_id,
    client: clientOf(ip, headers),
  });
};
