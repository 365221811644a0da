import { isUtf8 } from 'node:buffer';
import { deeperThan } from '../../commands/ingest/split.js';
import { problem, type Problem } from './problem.js';

/** Nothing that the API takes is nested deeper. */
const MAX_DEPTH = 32;

/** The JSON pointer of the first property called `__proto__`. */
const findProto = (value: unknown, pointer: string): string | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, '__proto__')) return `${pointer}/__proto__`;
  for (const [key, child] of Object.entries(value)) {
    const found = findProto(child, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** Parses a body; what is too deep, not UTF-8, not JSON or names `__proto__` is a problem. */
export const parseJson = (
  bytes: Buffer,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: Problem } => {
  if (bytes.length === 0)
    return { ok: false, problem: problem(400, 'empty_body', 'A JSON body is expected; there is none.') };
  if (deeperThan(bytes, 0, bytes.length, MAX_DEPTH))
    return { ok: false, problem: problem(400, 'too_deep', `JSON may be nested ${MAX_DEPTH} levels deep.`) };
  if (!isUtf8(bytes)) return { ok: false, problem: problem(400, 'invalid_json', 'The body is not UTF-8.') };
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { ok: false, problem: problem(400, 'invalid_json', 'The body is not valid JSON.') };
  }
  const pointer = findProto(value, '');
  if (pointer !== undefined) {
    const detail = 'A property may not be called __proto__.';
    const errors = [{ pointer, code: 'forbidden_name', detail }];
    return { ok: false, problem: problem(400, 'invalid', detail, { errors }) };
  }
  return { ok: true, value };
};
