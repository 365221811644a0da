import { status, type ServerWritableStream } from '@grpc/grpc-js';
import { randomUUID } from 'node:crypto';
import {
  caughtUp,
  checkpoint,
  confirmation,
  handlerThrew,
  notFound,
  refusal,
  streamDeleted,
} from './answers.js';
import type { Database, StoredRecord } from './database.js';
import { streams } from './protocol.js';
import { encodeEvent } from './wire.js';

type ReadReq = InstanceType<typeof streams.ReadReq>;
type Options = InstanceType<typeof streams.ReadReq.Options>;
/** A message, or one that is encoded already. */
export type ReadResp = InstanceType<typeof streams.ReadResp> | Buffer;
export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

/** Of a filter without a window of its own. */
const SEARCH_WINDOW = 32;

/** Carries out one Read call: of a stream or of all, once or as a subscription. */
export const read = (database: Database, call: ReadCall): void => {
  const options = call.request.getOptions();
  if (!options) {
    fail(call, handlerThrew());
    return;
  }
  if (options.hasSubscription()) {
    if (options.hasStream()) subscribeToStream(database, call, options);
    else subscribeToAll(database, call, options);
    return;
  }
  const found = options.hasStream() ? readStream(database, options) : readAll(database, options);
  if ('refused' in found) fail(call, found.refused);
  else if ('messages' in found) send(call, found.messages);
};

type Found =
  { refused: ReturnType<typeof refusal> } | { messages: Iterable<ReadResp> } | { noAnswerEver: true };

const readStream = (database: Database, options: Options): Found => {
  const from = options.getStream();
  const name = nameOf(from?.getStreamIdentifier());
  if (name === '') return { refused: handlerThrew() };
  if (database.isTombstoned(name)) return { refused: streamDeleted(name) };
  const count = Number(options.getCount());
  const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
  if (count === 0 || (from?.hasEnd() && !backwards))
    return { refused: refusal(status.UNKNOWN, 'Unexpected ReadStreamResult: Error') };
  const events = database.events(name);
  if (!events) return { messages: [notFound(name)] };
  const first = database.visibleFrom(name);
  const last = events.length - 1;
  if (backwards) {
    const start = from?.hasEnd()
      ? last
      : from?.hasRevision()
        ? Math.min(Number(from.getRevision()), last)
        : 0;
    return { messages: walk(events, start, Math.max(first, start - count + 1), -1) };
  }
  const start = Math.max(from?.hasRevision() ? Number(from.getRevision()) : 0, first);
  return { messages: walk(events, start, Math.min(last, start + count - 1), 1) };
};

const readAll = (database: Database, options: Options): Found => {
  const all = options.getAll();
  const count = Number(options.getCount());
  if (count === 0) return { noAnswerEver: true };
  const { records } = database;
  const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
  let at = all?.hasEnd() ? records.length : 0;
  const position = all?.getPosition();
  if (position) {
    const commit = Number(position.getCommitPosition());
    if (commit < Number(position.getPreparePosition())) return { refused: handlerThrew() };
    at = database.indexAt(commit);
    if (at < records.length && records[at]?.position !== commit)
      return { refused: refusal(status.UNKNOWN, 'Unexpected ReadAllResult: Error') };
  }
  return backwards
    ? { messages: walk(records, at - 1, Math.max(0, at - count), -1) }
    : { messages: walk(records, at, Math.min(records.length, at + count) - 1, 1) };
};

function* walk(
  records: readonly StoredRecord[],
  from: number,
  to: number,
  step: 1 | -1,
): Generator<ReadResp> {
  for (let i = from; step === 1 ? i <= to : i >= to; i += step) {
    const record = records[i];
    if (record) yield encodeEvent(record);
  }
}

const subscribeToAll = (database: Database, call: ReadCall, options: Options): void => {
  const filter = filterOf(options);
  if (filter === 'bad') {
    fail(call, handlerThrew());
    return;
  }
  const all = options.getAll();
  const position = all?.getPosition();
  let next = 0;
  if (position) next = database.indexAt(Number(position.getCommitPosition()) + 1);
  else if (all?.hasEnd()) next = database.records.length;
  call.write(confirmation(randomUUID()));

  const cadence = new Cadence(filter);
  let live = false;
  const aWindowFollows = (): boolean => database.records.length - next >= (filter?.window ?? 0);
  if (filter && all?.hasStart() && aWindowFollows() && cadence.windowEnds()) call.write(checkpoint(0, 0));
  follow(database, call, () => {
    const record = database.records[next];
    if (!record) {
      if (live) return undefined;
      live = true;
      cadence.begin();
      return [caughtUp()];
    }
    next += 1;
    const matches = !filter || filter.matches(record);
    const messages: ReadResp[] = matches ? [encodeEvent(record)] : [];
    // What is read up to the end in less than a whole window brings no checkpoint.
    if (filter && cadence.looked() && (live || aWindowFollows()))
      messages.push(checkpoint(record.position, live || matches ? record.position : 0));
    return messages;
  });
};

const subscribeToStream = (database: Database, call: ReadCall, options: Options): void => {
  const from = options.getStream();
  const name = nameOf(from?.getStreamIdentifier());
  if (database.isTombstoned(name)) {
    fail(call, streamDeleted(name));
    return;
  }
  call.write(confirmation(randomUUID()));
  let next = 0;
  if (from?.hasRevision()) next = Number(from.getRevision()) + 1;
  else if (from?.hasEnd()) next = database.lastRevision(name) + 1;
  let live = false;
  follow(database, call, () => {
    if (database.isTombstoned(name)) {
      const tombstone = database.records.findLast(({ stream }) => stream === name);
      if (tombstone) call.write(encodeEvent(tombstone));
      fail(call, streamDeleted(name));
      return undefined;
    }
    const events = database.events(name);
    if (!events) return undefined;
    next = Math.max(next, database.visibleFrom(name));
    const record = events[next];
    if (record) {
      next += 1;
      return [encodeEvent(record)];
    }
    if (live) return undefined;
    live = true;
    return [caughtUp()];
  });
};

/** Sends what `next` gives, again after each change of the database, no faster than the client takes it. */
const follow = (database: Database, call: ReadCall, next: () => readonly ReadResp[] | undefined): void => {
  let full = false;
  const pump = (): void => {
    while (!full && !call.cancelled && !call.destroyed) {
      const messages = next();
      if (!messages) return;
      for (const message of messages) if (!call.write(message)) full = true;
    }
  };
  const stop = database.listen(pump);
  for (const event of ['cancelled', 'error', 'close', 'finish'] as const) call.once(event, stop);
  call.on('drain', () => {
    full = false;
    pump();
  });
  pump();
};

/** Counts the records examined: one checkpoint after so many windows. */
class Cadence {
  #looked = 0;
  #windows = 0;

  constructor(private readonly filter: Filter | undefined) {}

  begin(): void {
    this.#looked = this.#windows = 0;
  }

  looked(): boolean {
    this.#looked += 1;
    return this.#looked % (this.filter?.window ?? SEARCH_WINDOW) === 0 && this.windowEnds();
  }

  windowEnds(): boolean {
    this.#windows += 1;
    return this.#windows % (this.filter?.interval ?? 1) === 0;
  }
}

interface Filter {
  readonly window: number;
  readonly interval: number;
  matches(record: StoredRecord): boolean;
}

const filterOf = (options: Options): Filter | undefined | 'bad' => {
  const filter = options.getFilter();
  if (!filter) return undefined;
  const onType = filter.hasEventType();
  const expression = onType ? filter.getEventType() : filter.getStreamIdentifier();
  const prefixes = expression?.getPrefixList() ?? [];
  const pattern = expression?.getRegex() ?? '';
  let regex: RegExp | undefined;
  try {
    regex = pattern === '' ? undefined : new RegExp(pattern);
  } catch {
    return 'bad';
  }
  return {
    window: filter.hasMax() ? filter.getMax() : SEARCH_WINDOW,
    interval: filter.getCheckpointintervalmultiplier(),
    matches: (record) => {
      const text = onType ? record.type : record.stream;
      return regex?.test(text) ?? prefixes.some((prefix) => text.startsWith(prefix));
    },
  };
};

export const nameOf = (identifier: { getStreamName_asU8(): Uint8Array } | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');

const fail = (call: ReadCall, error: ReturnType<typeof refusal>): void => {
  call.emit('error', error);
};

const send = (call: ReadCall, messages: Iterable<ReadResp>): void => {
  const iterator = messages[Symbol.iterator]();
  const pump = (): void => {
    while (!call.cancelled && !call.destroyed) {
      const next = iterator.next();
      if (next.done) {
        call.end();
        return;
      }
      if (!call.write(next.value)) return;
    }
  };
  call.on('drain', pump);
  pump();
};
