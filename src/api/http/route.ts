import type { IncomingHttpHeaders } from 'node:http';
import { Type, type Static, type TObject, type TSchema } from 'typebox';
import type { Permission } from '../../domain/tenancy/access.js';
import type { AnyProjection } from '../../projections/projection.js';
import { compile, type Validator } from '../../platform/validation.js';
import type { ApiServices } from '../dependencies.js';
import type { BodyLimits } from './body.js';
import type { ApiRequest, ApiResponse } from './message.js';
import type { Problem } from './problem.js';
import { MinPosition } from './schemas.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Who may call: anyone, anyone signed in, a person, the holder of a permission, or the operator of this server. */
export type Access = 'public' | 'signed_in' | 'person' | 'operator' | Permission;

/** Which budget a request draws on: `events` a tenant's telemetry, `sign_in` that of an address, `none` no budget. */
export type LimitClass = 'requests' | 'events' | 'sign_in' | 'none';

/** The tags that the document groups routes by. */
export type Tag = 'auth' | 'ingestion' | 'alerting' | 'dashboard' | 'operations' | 'deployment' | 'audit';

/** A body that the route wants parsed and checked. */
export interface JsonBody {
  readonly schema: TSchema;
  /** True: no body is the same as `{}`. */
  readonly optional?: boolean;
}

/** A body that the route wants as bytes: it checks them by itself. The schemas document it. */
export interface RawBody {
  readonly raw: Readonly<Record<string, TSchema>>;
  readonly limits: BodyLimits;
  /** True: it holds several events, and a tenant may have another limit. */
  readonly several?: true;
  /** True: no bytes are a body too. */
  readonly may_be_empty?: boolean;
}

/** Any media type, as a key of {@link RawBody.raw}. */
export const ANY_MEDIA_TYPE = '*/*';

/** How a route says what went wrong, where its protocol has a form of its own instead of problem+json. */
export interface FailureForm {
  readonly content_type: string;
  readonly schema: TSchema;
  readonly respond: (problem: Problem, headers: IncomingHttpHeaders) => ApiResponse;
}

/** What an answer of one status carries. */
export interface ResponseSpec {
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: TSchema;
  /** Default: `application/json`. */
  readonly content_type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface RouteSpec {
  readonly method: Method;
  /** With OpenAPI's parameters: `/api/v1/alerting/rules/{rule_id}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly [Tag];
  readonly auth: Access;
  /** The operator of this server may call it too, and names whose things are meant. */
  readonly operator?: true;
  /** Not a GET, and yet it appends nothing: who may only read may call it, and it is open while the guard is up. */
  readonly appends_nothing?: true;
  /** Default: `requests`, where somebody is signed in. */
  readonly limit?: LimitClass;
  readonly responses: Readonly<Record<number, ResponseSpec>>;
  /** Statuses of problems of its own, besides those that follow from what it takes. */
  readonly problems?: readonly number[];
  /** The projections that it reads; it then takes `min_position` and waits for them. */
  readonly reads?: readonly AnyProjection[];
  /** Takes `Idempotency-Key`. */
  readonly idempotent?: boolean;
  /** Takes `If-Match` with the version of what is changed. */
  readonly conditional?: boolean;
  /** Other headers that it looks at, with what they mean. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly params?: TObject;
  readonly query?: TObject;
  readonly body?: JsonBody | RawBody;
  /** Default: problem+json. */
  readonly failures?: FailureForm;
}

/** A route that reads waits for a position where it is asked to; other parameters stay as they are. */
const withMinPosition = (query: TObject | undefined): TObject => {
  const min_position = Type.Optional(MinPosition);
  const schema: TObject = Type.Object(
    { ...query?.properties, min_position },
    { additionalProperties: false },
  );
  const patterns =
    query && 'patternProperties' in query ? { patternProperties: query.patternProperties } : {};
  return Object.assign(schema, patterns);
};

type StaticOf<T> = T extends TSchema ? Static<T> : Record<string, never>;
type BodyOf<B> = B extends JsonBody ? Static<B['schema']> : B extends RawBody ? Buffer : undefined;

/** A route as data: the registration, the checks and the document are all made from it. */
export interface Route extends RouteSpec {
  /** The checks, compiled once. */
  readonly check: {
    readonly params?: Validator<unknown>;
    readonly query?: Validator<unknown>;
    readonly body?: Validator<unknown>;
  };
  readonly handle: (request: ApiRequest, api: ApiServices) => Promise<ApiResponse>;
}

/** Says a route; its schemas type its handler. */
export const defineRoute = <
  P extends TObject | undefined = undefined,
  Q extends TObject | undefined = undefined,
  B extends JsonBody | RawBody | undefined = undefined,
>(
  spec: Omit<RouteSpec, 'params' | 'query' | 'body'> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    readonly handle: (
      request: ApiRequest<StaticOf<P>, StaticOf<Q>, BodyOf<B>>,
      api: ApiServices,
    ) => Promise<ApiResponse>;
  },
): Route => {
  const { params, body, handle, ...rest } = spec;
  const query: TObject | undefined = spec.reads ? withMinPosition(spec.query) : spec.query;
  return {
    ...(rest as Omit<RouteSpec, 'params' | 'query' | 'body'>),
    ...(params && { params }),
    ...(query && { query }),
    ...(body && { body }),
    check: {
      ...(params && { params: compile(params) }),
      ...(query && { query: compile(query) }),
      ...(body && 'schema' in body && { body: compile(body.schema) }),
    },
    // The dispatcher hands over only what the checks let through, so the request has the types that the schemas say.
    handle: handle as unknown as Route['handle'],
  };
};
