/**
 * A decider: how a stream's events make a state, and what a command may add to it.
 * Decisions are pure: time and ids are arguments, and deciding the same twice gives no events.
 */

/** Why a command was not carried out. `code` is stable and becomes the problem's code in the API. */
export interface Refusal {
  readonly code: string;
  readonly detail: string;
}

export type Decision<Event> =
  | { readonly accepted: true; readonly events: readonly Event[] }
  | { readonly accepted: false; readonly refusal: Refusal };

/** A domain event as deciders see it: its name and its fields. */
export interface DomainEvent {
  readonly type: string;
  readonly data: object;
}

export interface Decider<State, Event extends DomainEvent> {
  readonly initial: State;
  readonly evolve: (state: State, event: Event) => State;
}

/** The command holds; these events say so. No events: it held already. */
export const accept = <Event>(events: readonly Event[]): Decision<Event> => ({ accepted: true, events });

/** The command does not hold, and nothing is recorded. */
export const refuse = (code: string, detail: string): { accepted: false; refusal: Refusal } => ({
  accepted: false,
  refusal: { code, detail },
});
