import { expect } from '@jest/globals';
import type { Decider, Decision, DomainEvent } from '../../src/domain/decider.js';

/**
 * Given what has happened, when something is decided, then this happens:
 * `given(decider)(…events).when(decision).then(…events)`.
 */
export const given =
  <State, Event extends DomainEvent>({ initial, evolve }: Decider<State, Event>) =>
  (...events: readonly Event[]) => ({
    when: (decision: (state: State) => Decision<Event>) => {
      const decided = decision(events.reduce(evolve, initial));
      const expectEvents = (...expected: readonly Event[]): void => {
        expect(decided).toEqual({ accepted: true, events: expected });
        // Doing it again changes nothing.
        const again = decision([...events, ...expected].reduce(evolve, initial));
        if (expected.length > 0) expect(again).toMatchObject({ accepted: true, events: [] });
      };
      return {
        then: (first: Event, ...rest: readonly Event[]): void => expectEvents(first, ...rest),
        /** As `then`, where doing it again is something else. */
        thenOnce: (...expected: readonly Event[]): void =>
          expect(decided).toEqual({ accepted: true, events: expected }),
        thenNothing: (): void => expectEvents(),
        thenRefused: (code: string): void =>
          expect(decided).toMatchObject({ accepted: false, refusal: { code } }),
      };
    },
  });
