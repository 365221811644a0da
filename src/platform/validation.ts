import { Ajv, type ErrorObject, type SchemaValidateFunction, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';

/** What is wrong with one field of an input. */
export interface FieldError {
  /** JSON pointer (RFC 6901). */
  readonly pointer: string;
  /** Stable and machine readable. */
  readonly code: string;
  readonly detail: string;
}

export type ValidationOutcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly FieldError[] };

export type Validator<T> = (value: unknown) => ValidationOutcome<T>;

// Lengths count UTF-16 units: counting code points walks every text, and telemetry is checked a million times a second.
const ajv = new Ajv({ strict: true, unicodeRegExp: false, unicode: false, logger: false });

/** Field names that are known and will be taken one day: refused by name, before anything else is found wrong. */
const NOT_SUPPORTED = 'x-not-supported';
const notSupported: SchemaValidateFunction = (names: readonly string[], value: unknown) => {
  const found =
    typeof value === 'object' && value !== null && names.find((name) => Object.hasOwn(value, name));
  if (!found) return true;
  const message = 'is not supported by this version';
  notSupported.errors = [{ keyword: NOT_SUPPORTED, params: { additionalProperty: found }, message }];
  return false;
};
ajv.addKeyword({
  keyword: NOT_SUPPORTED,
  schemaType: 'array',
  before: 'anyOf',
  errors: true,
  validate: notSupported,
});

const codes: Readonly<Record<string, string>> = {
  [NOT_SUPPORTED]: 'not_supported',
  additionalProperties: 'unknown_field',
  propertyNames: 'invalid_name',
  required: 'required',
  type: 'wrong_type',
  anyOf: 'wrong_type',
  enum: 'not_allowed',
  const: 'not_allowed',
  pattern: 'wrong_format',
  minLength: 'too_short',
  maxLength: 'too_long',
  minItems: 'too_few',
  maxItems: 'too_many',
  minProperties: 'too_few',
  maxProperties: 'too_many',
  minimum: 'too_small',
  exclusiveMinimum: 'too_small',
  maximum: 'too_large',
  exclusiveMaximum: 'too_large',
};

const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

const ofAjv = ({ keyword, instancePath, params, message, propertyName }: ErrorObject): FieldError => {
  const { additionalProperty, missingProperty } = params as Readonly<Record<string, unknown>>;
  const field = [additionalProperty, missingProperty, propertyName].find((name) => typeof name === 'string');
  return {
    pointer: field === undefined ? instancePath : `${instancePath}/${escapePointer(field)}`,
    code: codes[keyword] ?? 'invalid',
    detail: keyword === 'additionalProperties' ? 'is not a known field' : (message ?? 'is not valid'),
  };
};

/**
 * Where a value fits none of several schemas, what is wrong deeper inside says which one was meant: the rest, which only
 * says that it is not one of the others, is left out. What remains is said once.
 */
const relevant = (errors: readonly ErrorObject[]): readonly ErrorObject[] => {
  let kept = errors;
  for (const { keyword, instancePath, schemaPath } of errors) {
    if (keyword !== 'anyOf') continue;
    const inside = (error: ErrorObject): boolean => error.schemaPath.startsWith(schemaPath);
    const deeper = (error: ErrorObject): boolean =>
      error.instancePath.length > instancePath.length || error.keyword === NOT_SUPPORTED;
    if (kept.some((error) => inside(error) && deeper(error)))
      kept = kept.filter((error) => !inside(error) || deeper(error));
  }
  return kept;
};

const toFieldErrors = (errors: readonly ErrorObject[]): readonly FieldError[] => {
  const named = new Map<string, FieldError>();
  for (const error of relevant(errors).map(ofAjv)) {
    const name = `${error.pointer} ${error.code}`;
    if (!named.has(name)) named.set(name, error);
  }
  return [...named.values()];
};

/**
 * Makes a schema into the function that checks a value from outside against it; the value itself is not changed.
 * Compiled once, when it is first needed: to compile all of them would take most of the time of a start.
 */
export const compile = <S extends TSchema>(schema: S): Validator<Static<S>> => {
  let compiled: ValidateFunction<Static<S>> | undefined;
  return (value) => {
    const check = (compiled ??= ajv.compile<Static<S>>(schema));
    return check(value) ? { ok: true, value } : { ok: false, errors: toFieldErrors(check.errors ?? []) };
  };
};
