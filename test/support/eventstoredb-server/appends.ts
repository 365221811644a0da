import {
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import {
  appendResponse,
  batchResponse,
  deleteRefused,
  handlerThrew,
  identifier,
  refusal,
  streamDeleted,
  tooLarge,
  type Refusal,
} from './answers.js';
import type { Answer, Database, DeleteAnswer, Expected, Proposal } from './database.js';
import { streams } from './protocol.js';
import { nameOf } from './reads.js';

type AppendReq = InstanceType<typeof streams.AppendReq>;
type AppendResp = InstanceType<typeof streams.AppendResp>;
type BatchAppendReq = InstanceType<typeof streams.BatchAppendReq>;
type BatchAppendResp = InstanceType<typeof streams.BatchAppendResp>;
type DeleteReq = InstanceType<typeof streams.DeleteReq>;
type DeleteResp = InstanceType<typeof streams.DeleteResp>;
type TombstoneReq = InstanceType<typeof streams.TombstoneReq>;
type TombstoneResp = InstanceType<typeof streams.TombstoneResp>;

/** A write that was received and not answered. A server that is killed may have carried it out or not. */
export interface Job {
  store(): void;
  answer(): void;
}

export type Enqueue = (job: Job) => void;

/** One plain Append call: options, then the events one by one. */
export const append = (
  database: Database,
  enqueue: Enqueue,
  call: ServerReadableStream<AppendReq, AppendResp>,
  callback: sendUnaryData<AppendResp>,
): void => {
  let options: ReturnType<AppendReq['getOptions']>;
  const proposals: (Proposal | undefined)[] = [];
  call.on('data', (message: AppendReq) => {
    if (message.hasOptions()) options = message.getOptions();
    const proposed = message.getProposedMessage();
    if (proposed) proposals.push(proposalOf(proposed));
  });
  call.on('error', () => undefined);
  call.on('end', () => {
    let outcome: Answer | Refusal = handlerThrew();
    const expected = expectedOf(options);
    const name = nameOf(options?.getStreamIdentifier());
    enqueue({
      store: () => {
        if (call.cancelled) return;
        if (expected === undefined)
          outcome = refusal(status.INVALID_ARGUMENT, "'None' is not a valid expected revision.");
        else if (name !== '' && proposals.every((proposal) => proposal !== undefined))
          outcome = database.append(name, expected, proposals);
      },
      answer: () => {
        if (!('is' in outcome)) callback(outcome);
        else if (outcome.is === 'too_large') callback(tooLarge());
        else if (outcome.is === 'deleted') callback(streamDeleted(name));
        else callback(null, appendResponse(outcome, expected ?? 'any'));
      },
    });
  });
};

interface Batch {
  readonly name: string;
  readonly expected: Expected;
  readonly deadline: number;
  readonly proposals: (Proposal | undefined)[];
}

/** The BatchAppend call: many appends, each of one or more messages, told apart by correlation id. */
export const batchAppend = (
  database: Database,
  enqueue: Enqueue,
  call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>,
): void => {
  const open = new Map<string, Batch>();
  call.on('data', (message: BatchAppendReq) => {
    const correlation = message.getCorrelationId();
    const id = correlation?.getString() ?? '';
    const options = message.getOptions();
    const batch = open.get(id) ?? {
      name: nameOf(options?.getStreamIdentifier()),
      expected: expectedOf(options) ?? 'any',
      deadline: (options?.getDeadline()?.toDate() ?? new Date(8.64e15)).getTime(),
      proposals: [],
    };
    open.set(id, batch);
    batch.proposals.push(...message.getProposedMessagesList().map(proposalOf));
    if (!message.getIsFinal()) return;
    open.delete(id);
    let outcome: Parameters<typeof batchResponse>[0];
    enqueue({
      store: () => {
        if (batch.deadline <= Date.now()) outcome = 'timeout';
        else if (batch.name === '') outcome = { bad: "Empty streamId provided. (Parameter 'eventStreamId')" };
        else if (batch.proposals.every((proposal) => proposal !== undefined))
          outcome = database.append(batch.name, batch.expected, batch.proposals);
        else outcome = { bad: "Empty eventType provided. (Parameter 'eventType')" };
      },
      answer: () => {
        const response = batchResponse(outcome, batch.name, batch.expected);
        if (correlation) response.setCorrelationId(correlation);
        response.setStreamIdentifier(identifier(batch.name));
        if (!call.cancelled) call.write(response);
      },
    });
  });
  // Half-closing does not end it.
  call.on('error', () => undefined);
};

export const deleteStream = (
  database: Database,
  enqueue: Enqueue,
  call: ServerUnaryCall<DeleteReq, DeleteResp>,
  callback: sendUnaryData<DeleteResp>,
): void => {
  carryOutDelete(
    enqueue,
    call,
    callback,
    (name, expected) => database.delete(name, expected),
    (position) =>
      new streams.DeleteResp().setPosition(
        new streams.DeleteResp.Position().setCommitPosition(position).setPreparePosition(position),
      ),
  );
};

export const tombstoneStream = (
  database: Database,
  enqueue: Enqueue,
  call: ServerUnaryCall<TombstoneReq, TombstoneResp>,
  callback: sendUnaryData<TombstoneResp>,
): void => {
  carryOutDelete(
    enqueue,
    call,
    callback,
    (name, expected) => database.tombstone(name, expected),
    (position) =>
      new streams.TombstoneResp().setPosition(
        new streams.TombstoneResp.Position().setCommitPosition(position).setPreparePosition(position),
      ),
  );
};

const carryOutDelete = <Request extends DeleteReq | TombstoneReq, Response>(
  enqueue: Enqueue,
  call: ServerUnaryCall<Request, Response>,
  callback: sendUnaryData<Response>,
  act: (name: string, expected: Expected) => DeleteAnswer,
  respond: (position: string) => Response,
): void => {
  const options = call.request.getOptions();
  const name = nameOf(options?.getStreamIdentifier());
  const expected = expectedOf(options) ?? 'any';
  let outcome: DeleteAnswer | undefined;
  enqueue({
    store: () => {
      if (!call.cancelled) outcome = act(name, expected);
    },
    answer: () => {
      if (!outcome) callback(handlerThrew());
      else if (outcome.is === 'success') callback(null, respond(String(outcome.position)));
      else if (outcome.is === 'deleted') callback(streamDeleted(name));
      else callback(deleteRefused(name, expected, outcome.current));
    },
  });
};

interface RevisionOptions {
  hasAny(): boolean;
  hasNoStream(): boolean;
  hasStreamExists(): boolean;
  hasRevision?(): boolean;
  getRevision?(): string;
  hasStreamPosition?(): boolean;
  getStreamPosition?(): string;
}

const expectedOf = (options: RevisionOptions | undefined): Expected | undefined => {
  if (options?.hasAny()) return 'any';
  if (options?.hasNoStream()) return 'no_stream';
  if (options?.hasStreamExists()) return 'stream_exists';
  if (options?.hasRevision?.()) return Number(options.getRevision?.());
  if (options?.hasStreamPosition?.()) return Number(options.getStreamPosition?.());
  return undefined;
};

type Proposed =
  | NonNullable<ReturnType<AppendReq['getProposedMessage']>>
  | InstanceType<typeof streams.BatchAppendReq.ProposedMessage>;

let previousMetadata: Uint8Array = new Uint8Array(0);

/** An event as proposed; undefined where the server would refuse it. */
const proposalOf = (proposed: Proposed): Proposal | undefined => {
  const map = proposed.getMetadataMap();
  const type = map.get('type') ?? '';
  const id = proposed.getId()?.getString() ?? '';
  if (type === '' || !/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id)) return undefined;
  const metadata = proposed.getCustomMetadata_asU8();
  // A million events with the same metadata share them.
  if (!Buffer.from(metadata).equals(previousMetadata)) previousMetadata = metadata;
  return {
    id,
    type,
    json: map.get('content-type') === 'application/json',
    metadata: previousMetadata,
    data: proposed.getData_asU8(),
  };
};
