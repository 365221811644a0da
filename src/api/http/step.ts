import type { FieldError } from '../../commands/handle.js';
import { problem, type Problem } from './problem.js';

/** What a step on a request's way comes to: something to go on with, or why it ends here. */
export type Step<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export const pass = <T>(value: T): Step<T> => ({ ok: true, value });
export const stop = (reason: Problem): { ok: false; problem: Problem } => ({ ok: false, problem: reason });

/** Ends a request of which a place is not as its schema says. */
export const invalid = (place: string, errors: readonly FieldError[]): { ok: false; problem: Problem } =>
  stop(
    problem(
      400,
      'invalid',
      `${place}: ${errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ')}`,
      {
        errors,
      },
    ),
  );
