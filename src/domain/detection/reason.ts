/** Why a record is held to have been introduced by a deployment. `code` is stable and machine readable. */
export interface Reason {
  readonly code: ReasonCode;
  readonly detail: string;
}

export type ReasonCode = keyof typeof weights;

/**
 * How sure each reason alone makes one: 1 is proof. Structure (who wrote, under which guard, caused by what) proves;
 * content only suggests.
 */
const weights = {
  written_under_guard: 1,
  no_client_command: 1,
  caused_by_introduced: 1,
  by_introduced_actor: 1,
  test_data: 0.8,
  repeated: 0.6,
  burst: 0.5,
  new_type: 0.5,
  new_service: 0.5,
  new_field: 0.4,
  new_shape: 0.25,
  new_route: 0.25,
} as const;

/** How sure several reasons make one, from 0 to 1: that not all of them mislead. */
export const scoreOf = (reasons: readonly Reason[]): number =>
  1 - reasons.reduce((doubt, { code }) => doubt * (1 - weights[code]), 1);
