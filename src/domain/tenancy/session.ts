import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { TenantId, UserId } from '../ids.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type SessionEvent =
  | {
      readonly type: 'SessionStarted';
      readonly data: {
        readonly session_id: string;
        readonly user_id: UserId;
        readonly tenant_id: TenantId;
        /** SHA-256 of the refresh token that is good now. */
        readonly token_hash: string;
        /** RFC 3339. */
        readonly expires_at: string;
      };
    }
  | {
      readonly type: 'SessionRefreshed';
      readonly data: { readonly token_hash: string; readonly expires_at: string };
    }
  | { readonly type: 'SessionEnded'; readonly data: { readonly reason: 'logged_out' | 'token_reused' } };

export const sessionEventTypes = ['SessionStarted', 'SessionRefreshed', 'SessionEnded'] as const;

type Started = Extract<SessionEvent, { type: 'SessionStarted' }>['data'];

/** A sign-in and the refresh tokens that followed each other in it: a family, of which one is good at a time. */
export type Session =
  | { readonly state: 'none' }
  | (Started & { readonly state: 'open'; readonly used: readonly string[] })
  | { readonly state: 'ended' };

export const sessionDecider: Decider<Session, SessionEvent> = {
  initial: { state: 'none' },
  evolve: (session, event) => {
    switch (event.type) {
      case 'SessionStarted':
        return { state: 'open', ...event.data, used: [] };
      case 'SessionRefreshed':
        return session.state === 'open'
          ? { ...session, ...event.data, used: [...session.used, session.token_hash] }
          : session;
      case 'SessionEnded':
        return { state: 'ended' };
    }
  },
};

export const startSession = (session: Session, started: Started): Decision<SessionEvent> =>
  accept(session.state === 'none' ? [{ type: 'SessionStarted', data: started }] : []);

const invalid = refuse('invalid_refresh_token', 'The refresh token is not valid, or no longer.');

/**
 * Exchanges the session's good token for the next one. One that was exchanged before has been stolen, or its holder
 * was: the whole family ends.
 */
export const refreshSession = (
  session: Session,
  token_hash: string,
  next: { readonly token_hash: string; readonly expires_at: string },
  now: number,
): Decision<SessionEvent> => {
  if (session.state !== 'open') return invalid;
  if (session.used.includes(token_hash))
    return accept([{ type: 'SessionEnded', data: { reason: 'token_reused' } }]);
  if (session.token_hash !== token_hash || Date.parse(session.expires_at) <= now) return invalid;
  return accept([{ type: 'SessionRefreshed', data: next }]);
};

/** Ends a session by one of its tokens; what is not open is ended already. */
export const endSession = (session: Session, token_hash: string): Decision<SessionEvent> =>
  session.state === 'open' && [session.token_hash, ...session.used].includes(token_hash)
    ? accept([{ type: 'SessionEnded', data: { reason: 'logged_out' } }])
    : accept([]);
