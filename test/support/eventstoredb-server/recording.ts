/** Recorded scenarios of a real server: their form, and what differs from run to run taken out of them. */

export interface RecordedCall {
  readonly op: string;
  readonly args: Record<string, unknown>;
  readonly from_step: number;
  readonly to_step: number;
  readonly returned?: unknown;
  readonly threw?: unknown;
  readonly emitted?: readonly Record<string, unknown>[];
}
export interface RecordedNote {
  readonly note: string;
  readonly at_step?: number;
}
export interface Scenario {
  readonly name: string;
  readonly shows: string;
  readonly client_result: readonly (RecordedCall | RecordedNote)[];
}

export const isCall = (entry: RecordedCall | RecordedNote): entry is RecordedCall => 'op' in entry;

/** Recorded arguments as values: `"5n"` is a bigint, `{_bytes}` a byte array. */
export const revive = (value: unknown): unknown => {
  if (typeof value === 'string' && /^-?\d+n$/.test(value)) return BigInt(value.slice(0, -1));
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  if ('_bytes' in value) {
    const { length, base64 } = value as unknown as { length: number; base64?: string };
    return base64 === undefined ? new Uint8Array(length) : Uint8Array.from(Buffer.from(base64, 'base64'));
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
};

/** A result of the client in the recorded form. */
export const record = (value: unknown): unknown => {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return '<Date>';
  if (value instanceof Uint8Array)
    return {
      _bytes: value.constructor.name,
      length: value.byteLength,
      ...(value.byteLength <= 300 && { base64: Buffer.from(value).toString('base64') }),
    };
  if (Array.isArray(value)) return value.map(record);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined && typeof item !== 'function')
      .map(([key, item]) => [key, record(item)]),
  );
};

/** An error of the client in the recorded form. */
export const recordError = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error;
  const own = Object.fromEntries(
    Object.entries(error).map(([key, item]: [string, unknown]) => [
      key,
      key === '_raw' ? rawError(item) : key === 'metadata' ? metadataOf(item) : item,
    ]),
  );
  return record({ class: error.constructor.name, message: error.message, ...own });
};

const rawError = (raw: unknown): unknown => {
  if (!(raw instanceof Error)) return undefined;
  const { code, details, metadata } = raw as Error & Record<'code' | 'details' | 'metadata', unknown>;
  return { code, details, metadata: metadataOf(metadata) };
};

/** Less the headers that every answer has. */
const metadataOf = (metadata: unknown): unknown => {
  const map = (metadata as { getMap(): Record<string, unknown> }).getMap();
  return Object.fromEntries(
    Object.entries(map).filter(
      ([key]) => !['content-type', 'date', 'server', 'content-length'].includes(key),
    ),
  );
};

/**
 * What is left to compare: positions become their rank among all of the scenario, ids made up by client or server,
 * ports, times and step numbers go.
 */
export const normalise = (results: readonly unknown[]): unknown[] => {
  const positions = new Set<bigint>();
  visit(results, (position) => {
    positions.add(position);
    return '';
  });
  const ranks = new Map(
    [...positions].sort((a, b) => (a < b ? -1 : 1)).map((position, i) => [position, i + 1]),
  );
  return results.map((result) =>
    visit(result, (position) => (position === 0n ? '0n' : `position ${ranks.get(position) ?? 0}`)),
  );
};

const POSITION_KEYS = new Set(['commit', 'prepare', 'commitPosition', 'metastreamRevision']);

const visit = (value: unknown, position: (value: bigint) => string, key = ''): unknown => {
  if (typeof value === 'string') {
    if (POSITION_KEYS.has(key)) return position(BigInt(value.slice(0, -1)));
    if (key === 'id') return value.startsWith('00000000-0000-4000') ? value : '<id>';
    return value
      .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:2113')
      .replace(/exceeded after .*$/, 'exceeded after <t>');
  }
  if (Array.isArray(value)) return value.map((item) => visit(item, position));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'at_step')
      .map(([name, item]) => [name, visit(item, position, name)]),
  );
};
