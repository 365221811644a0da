import type { TObject } from 'typebox';
import type { CommandContext, CommandRefusal } from '../../commands/handle.js';
import type { Settings } from '../../commands/access/tenant-settings.js';
import { oldestAccepted } from '../../domain/retention/retention.js';
import { anonymousPrincipal, type Principal } from '../../domain/tenancy/access.js';
import { parsePosition } from '../../eventstore/event-store.js';
import type { ValidationOutcome } from '../../platform/validation.js';
import type { ApiServices } from '../dependencies.js';
import { ClientGone, overloaded, type WithBody } from './body.js';
import {
  clientOf,
  credentialsOf,
  expectedVersionOf,
  idempotencyKeyOf,
  SENT_AT_HEADER,
  sentAtOf,
  traceIdOf,
} from './context.js';
import { countRefused } from './ingest-outcomes.js';
import type { Intake } from './intake.js';
import type { ApiRequest, ApiResponse } from './message.js';
import { noteRefused } from './refused-acts.js';
import { ofError, ofRefusal, problem, problemResponse, unauthenticated, type Problem } from './problem.js';
import { readQuery } from './query-string.js';
import { withQuotas, type Allowance, type Drawer, type RateLimits } from './rate-limits.js';
import { bodyOf, readRouteBody, wrongMediaType } from './route-body.js';
import type { Access, Route } from './route.js';
import { invalid, pass, stop, type Step } from './step.js';
import { CROWDED } from './turns.js';

/** A request that a route was found for, before anything of it is believed. */
export interface Incoming extends WithBody {
  readonly request_id: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly params: Readonly<Record<string, string>>;
  readonly ip: string;
}

/** How long a read waits for `min_position`. */
const PATIENCE_MS = 5_000;

/** What a request has got so far, for its answer's headers. */
interface Passage {
  allowance: Allowance | undefined;
  /** Who it is, allowed or not. */
  known?: Principal;
  /** Who it is, and may. */
  principal?: Principal;
  /** Of telemetry. */
  limits?: Settings['limits'];
}

/** Carries a route out: who is it, may they, is there budget left, is it well formed, is it there yet; then the handler. */
export class Dispatcher {
  constructor(
    private readonly api: ApiServices,
    private readonly limits: RateLimits,
    private readonly intake: Intake,
  ) {}

  /** Always answers; throws ClientGone alone, where there is nobody left to answer. */
  async dispatch(route: Route, incoming: Incoming): Promise<ApiResponse> {
    const passage: Passage = { allowance: undefined };
    let response: ApiResponse;
    try {
      const answer = await this.#carryOut(route, incoming, passage);
      response = answer.ok ? answer.value : refusal(route, incoming, answer.problem);
      if (!answer.ok) this.#count(route, incoming, passage, answer.problem);
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      const reason = ofError(error);
      if (reason.status === 500)
        this.api.logger.error(
          { err: error, request_id: incoming.request_id, route: route.path },
          'request failed',
        );
      response = refusal(route, incoming, reason);
      this.#count(route, incoming, passage, reason);
    }
    noteRefused(this.api, route, incoming, passage.known, response);
    const headers = this.#budgetHeaders(passage);
    return headers ? { ...response, headers: Object.assign(headers, response.headers) } : response;
  }

  #budgetHeaders({ allowance, principal, limits }: Passage): Record<string, string> | undefined {
    const headers = allowance?.headers();
    const standing = principal?.tenant_id && limits && this.api.quotas.standing(principal.tenant_id, limits);
    return headers && standing ? withQuotas(headers, standing) : headers;
  }

  async #carryOut(route: Route, incoming: Incoming, passage: Passage): Promise<Step<ApiResponse>> {
    const principal = await this.#identify(route, incoming, passage);
    if (!principal.ok) return principal;
    passage.principal = principal.value;

    const { tenant_id } = principal.value;
    const settings = tenant_id && (await this.api.settings.of(tenant_id));
    const name = route.limit ?? (route.auth === 'public' ? 'none' : 'requests');
    const allowance = this.limits.allowance(name, drawerOf(principal.value, incoming.ip), settings?.limits);
    passage.allowance = allowance;
    const wait = allowance?.draw(1);
    if (wait !== undefined) return stop(ofRefusal(rateLimited(wait)));

    const telemetry =
      name === 'events' ? telemetryOf(incoming, this.api.clock.now(), allowance, settings) : undefined;
    if (telemetry?.ok === false) return telemetry;
    const context = contextOf(route, incoming, principal.value, telemetry?.value);
    if (!context.ok) return context;
    const checked = checkAddress(route, incoming);
    if (!checked.ok) return checked;
    if (name === 'events' && settings) passage.limits = settings.limits;
    const { params, query } = checked.value;
    const request: ApiRequest = {
      params,
      query,
      body: undefined,
      principal: principal.value,
      context: context.value,
      headers: incoming.headers,
      url: incoming.url,
      ip: incoming.ip,
    };
    if (name === 'events') return this.#takeIn(route, incoming, request);
    const wrong = wrongMediaType(route, incoming.headers);
    if (wrong) return wrong;
    const body = bodyOf(route, await readRouteBody(route, incoming));
    if (!body.ok) return body;
    const there = await this.#await(route, query);
    return there.ok ? pass(await route.handle({ ...request, body: body.value }, this.api)) : there;
  }

  /** Telemetry has to come through the intake: its body is read where there is room, its work done in its tenant's turn. */
  async #takeIn(route: Route, incoming: Incoming, request: ApiRequest): Promise<Step<ApiResponse>> {
    const { tenant_id, actor } = request.principal;
    const { limits } = request.context;
    const used_up = tenant_id && limits && this.api.quotas.exhausted(tenant_id, limits);
    if (used_up) return stop(ofRefusal(used_up));
    const wrong = wrongMediaType(route, incoming.headers);
    if (wrong) return wrong;
    const entry = this.intake.enter(tenant_id ?? actor.id, Number(incoming.headers['content-length'] ?? 0));
    if (!entry) return stop(overloaded);
    try {
      const body = bodyOf(route, await readRouteBody(route, incoming, entry, limits?.body_bytes));
      if (!body.ok) return body;
      const bytes = Buffer.isBuffer(body.value) ? body.value.length : 0;
      const response = await entry.turn(bytes, () =>
        route.handle({ ...request, body: body.value }, this.api),
      );
      return response === CROWDED ? stop(overloaded) : pass(response);
    } finally {
      entry.leave();
    }
  }

  /** What a tenant's events came to is shown to it, also where they did not come as far as their route. */
  #count({ limit }: Route, { request_id }: Incoming, { principal }: Passage, reason: Problem): void {
    if (limit !== 'events' || !principal) return;
    const { code, detail } = reason;
    countRefused(this.api, { principal, context: { request_id } }, { code, detail });
  }

  /** Who it is, and whether they may; at once where that is known by now. */
  #identify(
    { auth, operator }: Route,
    { headers }: Incoming,
    passage: Passage,
  ): Step<Principal> | Promise<Step<Principal>> {
    if (auth === 'public') return pass(anonymousPrincipal);
    const credentials = credentialsOf(headers);
    if (!credentials) return stop(unauthenticated('Send a token or an API key.'));
    const { authenticator } = this.api;
    const asOperator = (): Principal | undefined => authenticator.operatorPrincipal(credentials.bearer ?? '');
    const permit = (principal: Principal | undefined): Step<Principal> => {
      if (!principal) return stop(unauthenticated('The token or API key is not valid, or no longer.'));
      passage.known = principal;
      return permitted(auth, principal);
    };
    if (auth === 'operator') return permit(asOperator());
    const known = authenticator.remembered(credentials);
    if (known) return permit(known);
    return authenticator
      .authenticate(credentials)
      .then((principal) => permit(principal ?? (operator && asOperator())));
  }

  async #await({ reads }: Route, query: unknown): Promise<Step<undefined>> {
    if (!reads || typeof query !== 'object' || query === null || !('min_position' in query))
      return pass(undefined);
    const position = parsePosition(String(query.min_position));
    if (!position) return pass(undefined);
    return (await this.api.models.reached(reads, position, PATIENCE_MS))
      ? pass(undefined)
      : stop(
          problem(503, 'projection_behind', 'The read model has not got to min_position yet.', {
            retry_after_seconds: 1,
          }),
        );
  }
}

const permitted = (auth: Access, principal: Principal): Step<Principal> => {
  if (auth === 'public' || auth === 'operator' || auth === 'signed_in') return pass(principal);
  if (auth === 'person')
    return principal.actor.kind === 'user'
      ? pass(principal)
      : stop(problem(403, 'forbidden', 'This is for people who are signed in; an API key has no profile.'));
  return principal.permissions.has(auth)
    ? pass(principal)
    : stop(problem(403, 'forbidden', `This needs the permission ${auth}.`));
};

const pathOf = (url: string): string => {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
};

const refusal = (route: Route, { headers, request_id, url }: Incoming, reason: Problem): ApiResponse =>
  route.failures?.respond(reason, headers) ?? problemResponse(reason, { request_id, instance: pathOf(url) });

const rateLimited = (retry_after_seconds: number): CommandRefusal => ({
  kind: 'busy',
  code: 'rate_limited',
  detail: `The budget is used up; it allows the next request in ${retry_after_seconds} s.`,
  retry_after_seconds,
});

const drawerOf = ({ tenant_id, actor }: Principal, address: string): Drawer => ({
  tenant: tenant_id,
  credential: actor.id,
  address,
});

/** The request as commands want to know it. Written out field by field: it is made for every request. */
const contextOf = (
  route: Route,
  { headers, request_id, ip }: Incoming,
  principal: Principal,
  telemetry: TelemetryContext | undefined,
): Step<CommandContext> => {
  const idempotency_key = route.idempotent ? idempotencyKeyOf(headers) : undefined;
  if (idempotency_key === null)
    return stop(
      problem(400, 'invalid_idempotency_key', 'Idempotency-Key has 1 to 255 printable characters.'),
    );
  const expected_version = route.conditional ? expectedVersionOf(headers) : undefined;
  if (expected_version === 'invalid')
    return stop(problem(400, 'invalid_if_match', 'If-Match takes a version such as "v7".'));
  return pass({
    principal,
    origin: 'api',
    request_id,
    correlation_id: traceIdOf(headers) ?? request_id,
    client: route.limit === 'events' ? undefined : clientOf(ip, headers),
    idempotency_key,
    expected_version,
    arrival: telemetry?.arrival,
    limits: telemetry?.limits,
    oldest_time: telemetry?.oldest_time,
    charge: telemetry?.charge,
  });
};

type TelemetryContext = Pick<CommandContext, 'arrival' | 'limits' | 'oldest_time' | 'charge'>;

/** What is known besides of a request with telemetry; events are drawn from the allowance as they are counted. */
const telemetryOf = (
  { headers }: Incoming,
  received_at: number,
  allowance: Allowance | undefined,
  settings: Settings | undefined,
): Step<TelemetryContext> => {
  const sent_at = sentAtOf(headers);
  if (Number.isNaN(sent_at))
    return stop(
      problem(400, 'invalid_sent_at', `${SENT_AT_HEADER} is RFC 3339, or milliseconds since 1970.`),
    );
  return pass({
    arrival: { received_at, sent_at },
    limits: settings?.limits,
    oldest_time: settings && oldestAccepted(settings.retention_days, received_at),
    charge: allowance && charging(allowance),
  });
};

const charging =
  (allowance: Allowance): NonNullable<CommandContext['charge']> =>
  (events) => {
    const wait = allowance.draw(events);
    return wait === undefined ? undefined : rateLimited(wait);
  };

const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false } as unknown as TObject;

const checkAddress = (
  { check, query: schema }: Route,
  { url, params }: Incoming,
): Step<{ readonly params: unknown; readonly query: unknown }> => {
  const address = check.params?.(params) ?? { ok: true, value: {} };
  if (!address.ok) return stop(problem(404, 'not_found', 'There is no such thing here.'));
  const path = pathOf(url);
  if (path === url && !schema) return pass({ params: address.value, query: {} });
  const given = readQuery(url.slice(path.length + 1), schema ?? NO_PARAMETERS);
  const query = check.query?.(given) ?? onlyEmpty(given);
  return query.ok
    ? pass({ params: address.value, query: query.value })
    : invalid('The query is not valid', query.errors);
};

const onlyEmpty = (given: Record<string, unknown>): ValidationOutcome<unknown> => {
  const errors = Object.keys(given).map((name) => ({
    pointer: `/${name}`,
    code: 'unknown_field',
    detail: 'is not a parameter of this route.',
  }));
  return errors.length === 0 ? { ok: true, value: {} } : { ok: false, errors };
};
