import { Type, type TProperties, type TSchema, type TObject } from 'typebox';

/**
 * The shapes that many routes share. A schema with a title stands in the document under `components`.
 * Answers are open (`additionalProperties` is not refused): a client of today must bear the fields of tomorrow.
 */
export const Position = Type.String({
  pattern: '^[0-9a-f]{16}$',
  description: 'A place in the log. Opaque, but positions compare as text.',
});
export const MinPosition = Type.String({
  pattern: '^[0-9a-f]{16}$',
  description: 'Wait (bounded) until what is read reflects the log up to this position.',
});
export const Time = Type.String({ format: 'date-time' });

export const FieldErrorShape = Type.Object(
  {
    pointer: Type.String({ description: 'JSON pointer (RFC 6901) to what is wrong.' }),
    code: Type.String(),
    detail: Type.String(),
  },
  { title: 'FieldError' },
);

export const ProblemShape = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    code: Type.String({ description: 'Stable and machine readable.' }),
    request_id: Type.String(),
    errors: Type.Optional(Type.Array(FieldErrorShape)),
  },
  { title: 'Problem', description: 'RFC 9457 problem details.' },
);

/** An object that comes in: fields that it does not have are refused by name. */
export const closed = <P extends TProperties>(properties: P, title?: string): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, ...(title !== undefined && { title }) });

/** An object that goes out. */
export const open = <P extends TProperties>(properties: P, title?: string): TObject<P> =>
  Type.Object(properties, title === undefined ? {} : { title });

/** One page of a list. */
export const listOf = <S extends TSchema>(item: S) =>
  Type.Object({
    data: Type.Array(item),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
    position: Position,
  });

/** The parameters of every list. */
export const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 50 })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
} as const;

export const DEFAULT_LIMIT = 50;
