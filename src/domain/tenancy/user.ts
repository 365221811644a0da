import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { TenantId, UserId } from '../ids.js';
import { ERASED } from '../personal.js';
import type { Role } from './access.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
// What says something of the person is sealed in the log (personal.ts), and opened where this is folded.
export type UserEvent =
  | {
      readonly type: 'UserRegistered';
      readonly data: {
        readonly user_id: UserId;
        readonly tenant_id: TenantId;
        readonly email: string;
        readonly full_name?: string;
        readonly role: Role;
      };
    }
  /** `hash` is bcrypt's; no projection copies it. */
  | { readonly type: 'PasswordSet'; readonly data: { readonly hash: string } };

export const userEventTypes = ['UserRegistered', 'PasswordSet'] as const;

type Registration = Extract<UserEvent, { type: 'UserRegistered' }>['data'];

export type User =
  | { readonly state: 'none' }
  | (Registration & { readonly state: 'active'; readonly password_hash?: string })
  /** Nobody knows any more who it was. */
  | (Pick<Registration, 'user_id' | 'tenant_id' | 'role'> & { readonly state: 'erased' });

export const userDecider: Decider<User, UserEvent> = {
  initial: { state: 'none' },
  evolve: (user, event) => {
    switch (event.type) {
      case 'UserRegistered': {
        const { user_id, tenant_id, role, email } = event.data;
        return email === ERASED
          ? { state: 'erased', user_id, tenant_id, role }
          : { state: 'active', ...event.data };
      }
      case 'PasswordSet':
        return user.state === 'active' ? { ...user, password_hash: event.data.hash } : user;
    }
  },
};

/** Registers a person with a password. The same registration twice is the same as once, and keeps the first password. */
export const registerUser = (
  user: User,
  registration: Registration,
  password_hash: string,
): Decision<UserEvent> => {
  if (user.state === 'none')
    return accept([
      { type: 'UserRegistered', data: registration },
      { type: 'PasswordSet', data: { hash: password_hash } },
    ]);
  return user.state === 'active' && user.email === registration.email
    ? accept([])
    : refuse('user_exists', 'This user is registered already.');
};
