import jwt from 'jsonwebtoken';
import { Type, type Static } from 'typebox';
import type { TenantId, UserId } from '../../domain/ids.js';
import { roles, type Role } from '../../domain/tenancy/access.js';
import type { Clock } from '../../platform/clock.js';
import { compile } from '../../platform/validation.js';

export const ACCESS_TOKEN_SECONDS = 30 * 60;
export const REFRESH_TOKEN_SECONDS = 7 * 24 * 3600;

const ISSUER = 'pulsestream';
const AUDIENCE = 'pulsestream-api';

const Claims = Type.Object({
  typ: Type.Literal('access'),
  sub: Type.String(),
  tenant: Type.String(),
  sid: Type.Optional(Type.String()),
  epoch: Type.Optional(Type.Integer({ minimum: 0 })),
  role: Type.Enum([...roles]),
  jti: Type.String(),
  iat: Type.Integer(),
  exp: Type.Integer(),
  iss: Type.String(),
  aud: Type.String(),
});
const readClaims = compile(Claims);

/** What a token stands on: a session in the log, or the guard's epoch in which no session could be written. */
type Standing =
  | { readonly session_id: string; readonly guard_epoch?: never }
  | { readonly guard_epoch: number; readonly session_id?: never };

export type TokenHolder = {
  readonly user_id: UserId;
  readonly tenant_id: TenantId;
  readonly role: Role;
} & Standing;

/** Access tokens: JWTs with one algorithm, good for thirty minutes. */
export class AccessTokens {
  constructor(
    private readonly key: Buffer,
    private readonly clock: Clock,
  ) {}

  issue({ user_id, tenant_id, role, session_id, guard_epoch }: TokenHolder, jti: string): string {
    const iat = Math.floor(this.clock.now() / 1000);
    const claims: Static<typeof Claims> = {
      typ: 'access',
      sub: user_id,
      tenant: tenant_id,
      ...(session_id === undefined ? { epoch: guard_epoch } : { sid: session_id }),
      role,
      jti,
      iat,
      exp: iat + ACCESS_TOKEN_SECONDS,
      iss: ISSUER,
      aud: AUDIENCE,
    };
    return jwt.sign(claims, this.key, { algorithm: 'HS256' });
  }

  /** Who a token was issued to; undefined where it is not good now. */
  read(token: string): TokenHolder | undefined {
    if (!isCanonical(token)) return undefined;
    let payload: unknown;
    try {
      payload = jwt.verify(token, this.key, {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        clockTimestamp: Math.floor(this.clock.now() / 1000),
      });
    } catch {
      // The library throws for every way in which a token can be bad; to its bearer they are one.
      return undefined;
    }
    const claims = readClaims(payload);
    if (!claims.ok) return undefined;
    const { sub, tenant, role, sid, epoch } = claims.value;
    const person = { user_id: sub as UserId, tenant_id: tenant as TenantId, role };
    if (sid !== undefined) return { ...person, session_id: sid };
    return epoch === undefined ? undefined : { ...person, guard_epoch: epoch };
  }
}

/** Whether each part is base64url in its one spelling: others would let the same token pass under several texts. */
const isCanonical = (token: string): boolean => {
  const parts = token.split('.');
  return (
    parts.length === 3 && parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
  );
};
