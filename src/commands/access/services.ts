import type { TenantId } from '../../domain/ids.js';
import type { Eraser } from '../../people/eraser.js';
import type { CurrentQuarantines } from '../../quarantine/current.js';
import type { Clock } from '../../platform/clock.js';
import type { PasswordHasher } from '../../platform/password.js';
import type { Random } from '../../platform/random.js';
import type { PseudonymKind } from '../../platform/secrets.js';
import type { AccessTokens } from './tokens.js';

/** What the commands about people and keys need besides streams. */
export interface AccessServices {
  readonly passwords: PasswordHasher;
  readonly tokens: AccessTokens;
  readonly random: Random;
  readonly clock: Clock;
  /** Keys what is derived from inputs that may hold secrets. */
  readonly answers_key: Buffer;
  /** What stands in the log for an e-mail address, or for a person whose telemetry is erased. */
  pseudonym(kind: PseudonymKind, value: string): string;
  /** Called where a credential was changed: what is remembered of it no longer holds. */
  credentialChanged(actor_id: string): void;
  /** Called where something was set for a tenant: likewise. */
  settingsChanged(tenant: TenantId): void;
  /** Carries out what the log says was erased. */
  readonly eraser: Pick<Eraser, 'carryOut'>;
  /** What is set aside says nothing to a command. */
  readonly quarantines: Pick<CurrentQuarantines, 'sight' | 'forget'>;
}
