import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { TenantId, UserId } from '../ids.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export interface EmailEvent {
  readonly type: 'EmailReserved';
  readonly data: {
    readonly tenant_id: TenantId;
    readonly user_id: UserId;
    /** RFC 3339. */
    readonly reserved_at: string;
  };
}

export const emailEventTypes = ['EmailReserved'] as const;

/** Who holds an e-mail address, if anyone. */
export type Reservation = EmailEvent['data'] | undefined;

export const emailDecider: Decider<Reservation, EmailEvent> = {
  initial: undefined,
  evolve: (_reservation, { data }) => data,
};

/** How long a reservation holds whose registration did not come to its end. */
const HELD_MS = 10 * 60_000;

/**
 * Reserves an address for a user. A reservation stands for good once its user is registered (`holder_exists`);
 * one that was left behind by a registration which never ended may be taken over after ten minutes.
 */
export const reserveEmail = (
  reservation: Reservation,
  wanted: EmailEvent['data'],
  holder_exists: boolean,
): Decision<EmailEvent> => {
  if (reservation?.user_id === wanted.user_id) return accept([]);
  const age = reservation ? Date.parse(wanted.reserved_at) - Date.parse(reservation.reserved_at) : Infinity;
  return holder_exists || age < HELD_MS
    ? refuse('email_taken', 'This e-mail address is in use.')
    : accept([{ type: 'EmailReserved', data: wanted }]);
};
