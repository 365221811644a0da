import { Type } from 'typebox';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';

/** Records, or runs of them, that one quarantine may name; more are several quarantines. */
export const MAX_RECORDS = 5_000;

const Index = Type.Integer({ minimum: 0, maximum: 0xfffff });

const Revision = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Position = Type.String({ pattern: '^[0-9a-f]{16}$' });

/** Records as they were found in the log. */
export const QuarantinedRecords = (maximum: number) =>
  Type.Unsafe<readonly QuarantinedRecord[]>(
    Type.Array(
      Type.Object(
        {
          stream: Type.String({ minLength: 1, maxLength: 512 }),
          revision: Revision,
          position: Position,
          type: Type.String({ minLength: 1, maxLength: 128 }),
          indexes: Type.Optional(
            Type.Array(Type.Array(Index, { minItems: 2, maxItems: 2 }), { minItems: 1, maxItems: 10_000 }),
          ),
          count: Type.Optional(Type.Integer({ minimum: 1, maximum: 0x100000 })),
          through: Type.Optional(
            Type.Object({ revision: Revision, position: Position }, { additionalProperties: false }),
          ),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: maximum },
    ),
  );
