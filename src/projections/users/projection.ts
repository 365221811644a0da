import type { Personal } from '../../domain/sealed.js';
import { readEvent } from '../../domain/stored-event.js';
import type { Role } from '../../domain/tenancy/access.js';
import type { UserEvent } from '../../domain/tenancy/user.js';
import type { Document, IndexSpec } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** A person of a tenant. What signing in needs is in the person's stream only. */
export interface UserDocument extends Document {
  readonly email: Personal<string>;
  readonly full_name?: Personal<string>;
  readonly role: Role;
  readonly created_at: string;
}

/** A registration as the log holds it. */
interface Registered extends Omit<Extract<UserEvent, { type: 'UserRegistered' }>, 'data'> {
  readonly data: Pick<UserDocument, 'email' | 'full_name'> &
    Omit<Extract<UserEvent, { type: 'UserRegistered' }>['data'], 'email' | 'full_name'>;
}

interface UserPart {
  readonly event: Registered;
  readonly at: string;
}

const read = ['UserRegistered'] as const;

export const byCreation: IndexSpec = { name: 'by_creation', fields: ['created_at'] };

export const users = defineProjection<UserDocument, UserPart>({
  name: 'users',
  version: 1,
  reads: read,
  history: 'stream',
  indexes: [byCreation],
  personal: { fields: ['email', 'full_name'], person: ({ id }) => id },
  parts: (recorded) => {
    const event = readEvent<Registered>(read, recorded);
    if (!event) return [];
    const { tenant_id: tenant, user_id } = event.data;
    return [{ tenant, id: user_id, part: { event, at: recorded.metadata.recorded_at } }];
  },
  fold: (user, { event, at }, { id, position }) => {
    const { email, full_name, role } = event.data;
    return {
      id,
      position,
      email,
      ...(full_name !== undefined && { full_name }),
      role,
      created_at: user?.created_at ?? at,
    };
  },
});
