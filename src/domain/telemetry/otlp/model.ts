/** What an attribute holds, as either encoding of OTLP says it: bytes are base64, integers beyond 2^53 decimal text. */
export type OtlpValue = string | number | boolean | null | readonly OtlpValue[] | OtlpMap;
/** A map's entries; the name may be any text, so that it is no plain object. */
export type OtlpMap = ReadonlyMap<string, OtlpValue>;

/** The kinds of a span that are looked at. */
export const SERVER_SPAN = 2;
export const CLIENT_SPAN = 3;
/** The status code of a span that failed. */
export const STATUS_ERROR = 2;

export interface OtlpSpan {
  readonly resource: OtlpMap;
  /** Lower-case hex; of no valid length where the sender's was not. */
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id: string;
  readonly name: string;
  readonly kind: number;
  /** Nanoseconds since 1970; 0: not said. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: OtlpMap;
  readonly status_code: number;
  readonly status_message: string;
}

export interface OtlpLogRecord {
  readonly resource: OtlpMap;
  readonly scope: string;
  /** Nanoseconds since 1970; 0: not said. */
  readonly time: bigint;
  readonly observed: bigint;
  readonly severity_number: number;
  readonly severity_text: string;
  readonly event_name: string;
  readonly body: OtlpValue;
  readonly attributes: OtlpMap;
  readonly trace_id: string;
  readonly span_id: string;
}

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

/** Whether an id names a trace: zeros and other lengths are invalid. */
export const isTraceId = (id: string): boolean => TRACE_ID.test(id);
export const isSpanId = (id: string): boolean => SPAN_ID.test(id);

/** Epoch milliseconds of a time in nanoseconds; undefined where it is not said or no date. */
export const millisOf = (nanos: bigint): number | undefined => {
  const millis = Number(nanos / 1_000_000n);
  return millis > 0 && millis <= 8.64e15 ? millis : undefined;
};
