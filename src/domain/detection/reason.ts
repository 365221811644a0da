import type { Judgement } from './legitimacy/rules.js';

/** Why a record is held to have been introduced by a deployment. `code` is stable and machine readable. */
export interface Reason {
  readonly code: ReasonCode;
  readonly detail: string;
}

export type ReasonCode = keyof typeof weights | 'declared_legitimate';

/**
 * How sure each reason alone makes one: 1 is proof. Structure (who wrote, under which guard, caused by what) proves,
 * and of what a tenant holds to be false it is the judge; content only suggests.
 */
const weights = {
  written_under_guard: 1,
  no_client_command: 1,
  caused_by_introduced: 1,
  by_introduced_actor: 1,
  declared_illegitimate: 1,
  test_data: 0.8,
  repeated: 0.6,
  burst: 0.5,
  new_type: 0.5,
  new_service: 0.5,
  new_field: 0.4,
  new_shape: 0.25,
  new_route: 0.25,
} as const;

/** What is left of how sure one was, where the tenant's own rules declare legitimate what was found. */
const DECLARED_LEGITIMATE = 0.25;

/**
 * How sure several reasons make one, from 0 to 1: that not all of them mislead. That the tenant holds it to be
 * legitimate makes one less sure, never sure of the contrary.
 */
export const scoreOf = (reasons: readonly Reason[]): number => {
  let doubt = 1;
  let share = 1;
  for (const { code } of reasons)
    if (code === 'declared_legitimate') share = DECLARED_LEGITIMATE;
    else doubt *= 1 - weights[code];
  return (1 - doubt) * share;
};

/** What a tenant's rules say, as a reason. */
export const declared = ({ verdict, rules }: Judgement): Reason => ({
  code: `declared_${verdict}`,
  detail: `By the tenant's rule ${rules.join(', ')}.`,
});
