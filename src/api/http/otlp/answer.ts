import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { IncomingHttpHeaders } from 'node:http';
import type { ApiResponse } from '../message.js';
import { problemHeaders, type Problem } from '../problem.js';

export const PROTOBUF = 'application/x-protobuf';
export const JSON_TYPE = 'application/json';

/** The encoding of a request, which its answer has as well; where it is neither, people read JSON. */
export const encodingOf = (headers: IncomingHttpHeaders): typeof PROTOBUF | typeof JSON_TYPE =>
  (headers['content-type'] ?? '').trim().toLowerCase().startsWith(PROTOBUF) ? PROTOBUF : JSON_TYPE;

/** google.rpc.Code of a status; 2 is UNKNOWN. */
const codes: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  413: 3,
  415: 3,
  429: 8,
  500: 13,
  503: 14,
};

/** What passes but has a status that exporters give up on, as the one that they retry. */
const RETRIED = new Set([409, 507]);

const statusMessage = (code: number, message: string): Uint8Array =>
  new BinaryWriter().uint32(8).int32(code).uint32(18).string(message).finish();

/** A failure as a `google.rpc.Status` in the request's encoding. */
export const otlpFailure = (reason: Problem, headers: IncomingHttpHeaders): ApiResponse => {
  const told = RETRIED.has(reason.status) ? { ...reason, status: 503 } : reason;
  const code = codes[told.status] ?? 2;
  const message = `${told.code}: ${told.detail}`;
  const encoding = encodingOf(headers);
  return {
    status: told.status,
    headers: problemHeaders(told),
    content_type: encoding,
    body: encoding === PROTOBUF ? statusMessage(code, message) : { code, message },
  };
};

/** How much of an export was left out, and what its sender is to be told; no message: everything was taken. */
export interface Partial {
  readonly rejected: number;
  readonly message: string;
}

const partialMessage = ({ rejected, message }: Partial): Uint8Array => {
  const inner = new BinaryWriter();
  if (rejected > 0) inner.uint32(8).int64(rejected);
  inner.uint32(18).string(message);
  return new BinaryWriter().uint32(10).bytes(inner.finish()).finish();
};

/** A success in the request's encoding. `rejected_name` is the counter's in JSON. */
export const otlpSuccess = (
  partial: Partial,
  rejected_name: 'rejectedSpans' | 'rejectedLogRecords',
  headers: IncomingHttpHeaders,
): Pick<ApiResponse, 'content_type' | 'body'> => {
  const { rejected, message } = partial;
  const whole = message === '';
  if (encodingOf(headers) === PROTOBUF)
    return { content_type: PROTOBUF, body: whole ? new Uint8Array(0) : partialMessage(partial) };
  const partialSuccess = {
    ...(rejected > 0 && { [rejected_name]: String(rejected) }),
    errorMessage: message,
  };
  return { content_type: JSON_TYPE, body: whole ? {} : { partialSuccess } };
};
