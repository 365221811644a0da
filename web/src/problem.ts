/** What the server says of a request that it refused (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

export interface ProblemBody {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** A refusal as a sentence for people: with the fields that are wrong, where the server names them. */
export const sentence = ({ detail, errors = [] }: ProblemBody): string => {
  if (errors.length === 0) return detail ?? 'The server refused the request.';
  const named = errors.map(
    ({ pointer, detail: what }) => `${pointer.slice(1).replaceAll(/[/_]/g, ' ')} ${what}`.trim() + '.',
  );
  return named.map((text) => text.charAt(0).toUpperCase() + text.slice(1)).join(' ');
};
