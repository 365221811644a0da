/** What a record says, as far as verifying goes (docs/integrity.md has the format). */
export interface ReadRecord {
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  /** Undefined: the record hides the beginning of its stream and is no event of it. */
  readonly data?: Buffer;
}

const FIXED_BYTES = 40;
const TRUNCATION = 2;

/** Where a payload's stream and type end. */
const endsIn = (payload: Buffer): { readonly afterStream: number; readonly afterType: number } => {
  const afterStream = FIXED_BYTES + payload.readUInt16LE(36);
  return { afterStream, afterType: afterStream + payload.readUInt8(38) };
};

/** Which record a payload is of, dropped or not; undefined where it is none. */
export const readIdentity = (payload: Buffer): Pick<ReadRecord, 'stream' | 'revision'> | undefined => {
  if (payload.length < FIXED_BYTES || payload.length < endsIn(payload).afterType) return undefined;
  return {
    stream: payload.toString('utf8', FIXED_BYTES, endsIn(payload).afterStream),
    revision: Number(payload.readBigUInt64LE(0)),
  };
};

/** Reads a payload; undefined where it is none. */
export const readRecord = (payload: Buffer): ReadRecord | undefined => {
  if (payload.length < FIXED_BYTES) return undefined;
  const { afterStream, afterType } = endsIn(payload);
  const data = afterType + payload.readUInt32LE(28);
  if (data + payload.readUInt32LE(32) !== payload.length) return undefined;
  return {
    stream: payload.toString('utf8', FIXED_BYTES, afterStream),
    revision: Number(payload.readBigUInt64LE(0)),
    type: payload.toString('utf8', afterStream, afterType),
    ...(payload[39] !== TRUNCATION && { data: payload.subarray(data) }),
  };
};
