import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { Any, Code, Empty, shared, statuses, streams } from './protocol.js';
import { MAX_APPEND_BYTES, type Answer, type Expected } from './database.js';

/** Messages and errors as the server sends them. */

type AppendResp = InstanceType<typeof streams.AppendResp>;
type BatchAppendResp = InstanceType<typeof streams.BatchAppendResp>;
type ReadResp = InstanceType<typeof streams.ReadResp>;
type RpcStatus = InstanceType<typeof statuses.Status>;
export type Refusal = Partial<ServiceError>;

/** The server sends 2^64 - 1, which the generated code can read but not write. */
const NO_STREAM_2060 = 2 ** 64 - 2 ** 11;

export const refusal = (code: status, details: string, trailers: Record<string, string> = {}): Refusal => {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return { code, details, metadata };
};

export const handlerThrew = (): Refusal => refusal(status.UNKNOWN, 'Exception was thrown by handler.');

export const streamDeleted = (name: string): Refusal =>
  refusal(status.FAILED_PRECONDITION, `Event stream '${name}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': name,
  });

export const tooLarge = (): Refusal =>
  refusal(status.INVALID_ARGUMENT, `Maximum Append Size of ${MAX_APPEND_BYTES} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(MAX_APPEND_BYTES),
  });

export const deleteRefused = (name: string, expected: Expected, current: number): Refusal => {
  const version =
    expected === 'any' ? -2 : expected === 'no_stream' ? -1 : expected === 'stream_exists' ? -4 : expected;
  return refusal(
    status.FAILED_PRECONDITION,
    `Delete failed due to WrongExpectedVersion. Stream: ${name}, Expected version: ${version}, Actual version: ${current}`,
    {
      exception: 'wrong-expected-version',
      'stream-name': name,
      'expected-version': String(version),
      'actual-version': String(current),
    },
  );
};

/** The answer to a plain Append that is not an error of the call. */
export const appendResponse = (
  answer: Extract<Answer, { is: 'success' | 'wrong_revision' }>,
  expected: Expected,
): AppendResp => {
  const response = new streams.AppendResp();
  if (answer.is === 'success') {
    const success = new streams.AppendResp.Success();
    success.setCurrentRevision(String(answer.revision));
    if (answer.position === undefined) success.setNoPosition(new shared.Empty());
    else {
      const position = new streams.AppendResp.Position();
      position.setCommitPosition(String(answer.position));
      position.setPreparePosition(String(answer.position));
      success.setPosition(position);
    }
    return response.setSuccess(success);
  }
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (answer.current === undefined) {
    wrong.setNoStream2060(new shared.Empty());
    wrong.setCurrentNoStream(new shared.Empty());
  } else {
    wrong.setCurrentRevision2060(answer.current);
    wrong.setCurrentRevision(String(answer.current));
  }
  switch (expected) {
    case 'any':
      wrong.setAny2060(new shared.Empty());
      wrong.setExpectedAny(new shared.Empty());
      break;
    case 'stream_exists':
      wrong.setStreamExists2060(new shared.Empty());
      wrong.setExpectedStreamExists(new shared.Empty());
      break;
    case 'no_stream':
      wrong.setExpectedRevision2060(NO_STREAM_2060);
      wrong.setExpectedNoStream(new shared.Empty());
      break;
    default:
      wrong.setExpectedRevision2060(expected);
      wrong.setExpectedRevision(String(expected));
  }
  return response.setWrongExpectedVersion(wrong);
};

/** The answer to one append on the BatchAppend call. */
export const batchResponse = (
  answer: Answer | 'timeout' | { bad: string },
  name: string,
  expected: Expected,
): BatchAppendResp => {
  const response = new streams.BatchAppendResp();
  if (answer === 'timeout')
    return response.setError(rpcError(Code.DEADLINE_EXCEEDED, 'Timeout', new shared.Timeout()));
  if ('bad' in answer) {
    const bad = new shared.BadRequest();
    bad.setMessage(answer.bad);
    return response.setError(rpcError(Code.INVALID_ARGUMENT, 'BadRequest', bad));
  }
  switch (answer.is) {
    case 'too_large': {
      const limit = new shared.MaximumAppendSizeExceeded();
      limit.setMaxappendsize(MAX_APPEND_BYTES);
      return response.setError(rpcError(Code.INVALID_ARGUMENT, 'MaximumAppendSizeExceeded', limit));
    }
    case 'deleted': {
      const deleted = new shared.StreamDeleted();
      deleted.setStreamIdentifier(identifier(name));
      return response.setError(rpcError(Code.NOT_FOUND, 'StreamDeleted', deleted));
    }
    case 'wrong_revision':
      return response.setError(
        rpcError(Code.ALREADY_EXISTS, 'WrongExpectedVersion', wrongRevision(answer.current, expected)),
      );
    case 'success': {
      const success = new streams.BatchAppendResp.Success();
      success.setCurrentRevision(String(answer.revision));
      if (answer.position === undefined) success.setNoPosition(new Empty());
      else {
        const position = new shared.AllStreamPosition();
        position.setCommitPosition(String(answer.position));
        position.setPreparePosition(String(answer.position));
        success.setPosition(position);
      }
      return response.setSuccess(success);
    }
  }
};

const wrongRevision = (
  current: number | undefined,
  expected: Expected,
): InstanceType<typeof shared.WrongExpectedVersion> => {
  const wrong = new shared.WrongExpectedVersion();
  if (current === undefined) wrong.setCurrentNoStream(new Empty());
  else wrong.setCurrentStreamRevision(String(current));
  switch (expected) {
    case 'any':
      return wrong.setExpectedAny(new Empty());
    case 'stream_exists':
      return wrong.setExpectedStreamExists(new Empty());
    case 'no_stream':
      return wrong.setExpectedNoStream(new Empty());
    default:
      return wrong.setExpectedStreamPosition(String(expected));
  }
};

const rpcError = (
  code: Parameters<RpcStatus['setCode']>[0],
  message: string,
  detail: { serializeBinary(): Uint8Array },
): RpcStatus => {
  const any = new Any();
  any.pack(detail.serializeBinary(), `event_store.client.${message}`);
  const rpc = new statuses.Status();
  rpc.setCode(code);
  rpc.setMessage(message);
  return rpc.setDetails(any);
};

export const identifier = (name: string): InstanceType<typeof shared.StreamIdentifier> =>
  new shared.StreamIdentifier().setStreamName(Buffer.from(name));

export const notFound = (name: string): ReadResp =>
  new streams.ReadResp().setStreamNotFound(
    new streams.ReadResp.StreamNotFound().setStreamIdentifier(identifier(name)),
  );

export const confirmation = (id: string): ReadResp =>
  new streams.ReadResp().setConfirmation(
    new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(id),
  );

export const caughtUp = (): ReadResp => new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());

export const checkpoint = (commit: number, prepare: number): ReadResp =>
  new streams.ReadResp().setCheckpoint(
    new streams.ReadResp.Checkpoint().setCommitPosition(String(commit)).setPreparePosition(String(prepare)),
  );
