import { Type } from 'typebox';
import { parseTime } from '../../domain/telemetry/time.js';
import { problem, type Problem } from './problem.js';

const time = Type.Optional(
  Type.String({ minLength: 1, maxLength: 40, description: 'RFC 3339, or milliseconds since 1970.' }),
);

/** The parameters of every route that looks at a stretch of time. */
export const range = { from: time, to: time } as const;

export interface TimeRange {
  readonly from?: number;
  readonly to?: number;
}

/** No time is beyond what a date can hold. */
const read = (text: string): number => {
  const time = /^\d{1,16}$/.test(text) ? Number(text) : parseTime(text);
  return time <= 8.64e15 ? time : NaN;
};

/** Reads a stretch of time as epoch milliseconds; a problem names the end that is no time. */
export const readRange = (query: {
  readonly from?: string;
  readonly to?: string;
}): { readonly ok: true; readonly range: TimeRange } | { readonly ok: false; readonly problem: Problem } => {
  const from = query.from === undefined ? undefined : read(query.from);
  const to = query.to === undefined ? undefined : read(query.to);
  const wrong = Number.isNaN(from) ? '/from' : Number.isNaN(to) ? '/to' : undefined;
  if (wrong !== undefined) {
    const detail = 'A time is RFC 3339, or milliseconds since 1970.';
    const errors = [{ pointer: wrong, code: 'invalid_time', detail }];
    return { ok: false, problem: problem(400, 'invalid', detail, { errors }) };
  }
  return { ok: true, range: { ...(from !== undefined && { from }), ...(to !== undefined && { to }) } };
};

/** The same stretch with its ends written in another way. */
export const mapRange = <T>(
  { from, to }: TimeRange,
  write: (time: number) => T,
): { readonly from?: T; readonly to?: T } => ({
  ...(from !== undefined && { from: write(from) }),
  ...(to !== undefined && { to: write(to) }),
});
