import { Type } from 'typebox';
import { open, Position } from '../../schemas.js';

/** Shapes that the routes about quarantines and deployments share. */
export const Actor = open({ kind: Type.String(), id: Type.String() });

const Range = Type.Unsafe<readonly [number, number]>({
  type: 'array',
  items: { type: 'integer', minimum: 0 },
  minItems: 2,
  maxItems: 2,
});

export const auditedRecord = {
  stream: Type.String(),
  revision: Type.Integer({ minimum: 0 }),
  position: Position,
  type: Type.String(),
  indexes: Type.Optional(
    Type.Array(Range, { description: 'Of a chunk: which of its events, from one to another; absent: all.' }),
  ),
  count: Type.Optional(Type.Integer({ description: 'Of a chunk: the number behind its last event.' })),
  through: Type.Optional(open({ revision: Type.Integer({ minimum: 0 }), position: Position })),
};
export const AuditedRecord = open(auditedRecord);
