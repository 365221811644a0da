import { Type } from 'typebox';
import { publicId, type TenantId, type UserId } from '../../domain/ids.js';
import { emailStream, tenantStream, userStream } from '../../domain/streams.js';
import type { Role } from '../../domain/tenancy/access.js';
import { reserveEmail } from '../../domain/tenancy/email.js';
import { registerUser, type User } from '../../domain/tenancy/user.js';
import { refuse } from '../../domain/decider.js';
import { PASSWORD_BYTES } from '../../platform/password.js';
import { done, refused, type Loaded, type Step, type Transaction } from '../command.js';
import { emailSubject, tenantSubject, userSubject } from '../subjects.js';

export const Email = Type.String({
  maxLength: 254,
  pattern: '^[^\\s@\\x00-\\x1f]+@[^\\s@\\x00-\\x1f]+$',
  description: 'Upper and lower case are the same.',
});
export const Password = Type.String({
  minLength: 8,
  maxLength: PASSWORD_BYTES,
  description: `At least 8 characters, at most ${PASSWORD_BYTES} bytes.`,
});
export const FullName = Type.String({ minLength: 1, maxLength: 200 });

/** The name under which an address stands in the log. */
const pseudonymOf = ({ services }: Transaction, email: string): string =>
  services.pseudonym('email', email.normalize('NFC').toLowerCase());

export const tooManyPasswords = refused(
  'busy',
  'too_many_sign_ins',
  'Too many passwords are being checked now.',
  {
    retry_after_seconds: 2,
  },
);

/** Hashes a password; refuses one of which bcrypt would look at a part only. */
export const hashPassword = async ({ services }: Transaction, password: string): Promise<Step<string>> => {
  if (Buffer.byteLength(password) > PASSWORD_BYTES || password.includes('\0'))
    return refused('invalid', 'invalid_input', 'Some fields are not valid.', {
      errors: [
        {
          pointer: '/password',
          code: password.includes('\0') ? 'wrong_format' : 'too_long',
          detail: `must have at most ${PASSWORD_BYTES} bytes, none of them zero`,
        },
      ],
    });
  const hash = await services.passwords.hash(password);
  return hash === undefined ? tooManyPasswords : done(hash);
};

export interface Person {
  readonly tenant_id: TenantId;
  readonly user_id: UserId;
  readonly email: string;
  readonly full_name?: string | undefined;
  readonly role: Role;
}

/** Reserves a person's address, then registers them. Doing it again with the same ids goes on where it ended. */
export const addPerson = async (
  transaction: Transaction,
  { tenant_id, user_id, email, full_name, role }: Person,
  password_hash: string,
): Promise<Step<Loaded<User>>> => {
  const stream = emailStream(pseudonymOf(transaction, email));
  const { state: seen } = await transaction.load(stream, emailSubject);
  const holder = seen && (await holderOf(transaction, seen));
  const wanted = { tenant_id, user_id, reserved_at: new Date(transaction.now).toISOString() };
  const reserved = await transaction.decide(stream, emailSubject, (reservation) =>
    // Whoever reserved it since it was looked at has only just begun.
    reservation?.user_id === seen?.user_id || reservation?.user_id === user_id
      ? reserveEmail(holder === 'erased' ? undefined : reservation, wanted, holder === 'registered')
      : refuse('email_taken', 'This e-mail address is in use.'),
  );
  if (!reserved.ok) return reserved;
  const registration = { user_id, tenant_id, email, ...(full_name !== undefined && { full_name }), role };
  return transaction.decide(userStream(user_id), userSubject, (user) =>
    registerUser(user, registration, password_hash),
  );
};

/** What became of whoever reserved an address. */
const holderOf = async (
  transaction: Transaction,
  reserved: Pick<Person, 'tenant_id' | 'user_id'>,
): Promise<'registered' | 'erased' | 'unfinished'> => {
  const { state: user } = await transaction.loadAny(userStream(reserved.user_id), userSubject);
  if (user.state === 'erased') return 'erased';
  return (await findUser(transaction, reserved)) ? 'registered' : 'unfinished';
};

export type RegisteredUser = Extract<User, { state: 'active' }>;

/** A user whose registration came to its end: one who is there, of a tenant that is. */
export const findUser = async (
  transaction: Transaction,
  { tenant_id, user_id }: Pick<Person, 'tenant_id' | 'user_id'>,
): Promise<RegisteredUser | undefined> => {
  const { state: user } = await transaction.loadAny(userStream(user_id), userSubject);
  const { state: tenant } = await transaction.loadAny(tenantStream(tenant_id), tenantSubject);
  return user.state === 'active' && user.tenant_id === tenant_id && tenant.state === 'registered'
    ? user
    : undefined;
};

const NOBODY = '0'.repeat(32);

/** The user of an e-mail address. Takes as many looks at the log for an address that nobody has. */
export const findUserByEmail = async (
  transaction: Transaction,
  email: string,
): Promise<RegisteredUser | undefined> => {
  const { state: reservation } = await transaction.loadAny(
    emailStream(pseudonymOf(transaction, email)),
    emailSubject,
  );
  return findUser(
    transaction,
    reservation ?? { tenant_id: publicId('tenant', NOBODY), user_id: publicId('user', NOBODY) },
  );
};
