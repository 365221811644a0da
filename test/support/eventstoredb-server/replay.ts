import {
  EventStoreDBClient,
  type AllStreamSubscription,
  type StreamSubscription,
} from '@eventstore/db-client';
import {
  isCall,
  record,
  recordError,
  revive,
  type RecordedCall,
  type RecordedNote,
  type Scenario,
} from './recording.js';
import type { EventStoreDbServer } from './server.js';

type Client = Record<string, (...args: unknown[]) => unknown>;

/** Of the time that a recorded deadline took. */
const HURRY = 0.2;
const NO_ANSWER_AFTER = 300;
const SOFT_WAIT = 300;
const GIVE_UP_AFTER = 5_000;

/** Carries out a recorded scenario's client calls against the imitation and gives their results in the recorded form. */
export const replay = async (
  scenario: Scenario,
  server: EventStoreDbServer,
  clock: { advance(milliseconds: number): void },
): Promise<unknown[]> => {
  const positions = new Positions(scenario, server);
  const clients: EventStoreDBClient[] = [];
  const connect = (url: string): Client => {
    const client = EventStoreDBClient.connectionString(url);
    clients.push(client);
    return client as unknown as Client;
  };
  let client = connect(server.url);
  let killing = false;
  const open = new Map<RecordedCall, Running>();
  const results: unknown[] = [];

  for (const [i, entry] of scenario.client_result.entries()) {
    const step = isCall(entry) ? entry.from_step : (entry.at_step ?? 0);
    if (killing && !isCall(entry)) {
      killing = false;
      while (server.inFlight < [...open.keys()].filter(({ op }) => !op.startsWith('subscribe')).length)
        await delay(10);
      await server.kill({ store: 'none' });
    }
    const before = scenario.client_result[i - 1];
    const together = isCall(entry) && before && isCall(before) && before.from_step === entry.from_step;
    if (!together)
      for (const [call, running] of open)
        if (call.to_step < step || (call.to_step === step && !isCall(entry))) {
          await running.finish();
          open.delete(call);
        } else await running.reach(step);
    if (isCall(entry)) {
      const running = run(client, entry, positions);
      open.set(entry, running);
      results[i] = undefined;
      void running.result.then((result) => {
        results[i] = { op: entry.op, ...result };
      });
      continue;
    }
    results[i] = { note: entry.note };
    client = await act(entry, { server, clock, connect, client });
    killing = entry.note.includes('SIGKILL');
    if (killing) server.pause();
  }
  for (const running of open.values()) await running.finish();
  await Promise.all(clients.map((one) => one.dispose()));
  return results;
};

interface Stage {
  readonly server: EventStoreDbServer;
  readonly clock: { advance(milliseconds: number): void };
  readonly connect: (url: string) => Client;
  readonly client: Client;
}

/** Does what a note of the script says; gives the client that goes on. */
const act = async ({ note }: RecordedNote, { server, clock, connect, client }: Stage): Promise<Client> => {
  const host = `127.0.0.1:${server.port}`;
  if (note === 'SIGSTOP') server.pause();
  if (note === 'SIGCONT') {
    await delay(2 * NO_ANSWER_AFTER);
    server.resume();
  }
  if (note.startsWith('restarted')) await server.start();
  if (note.startsWith('1.6 s later')) clock.advance(1_600);
  if (note.startsWith('throwOnAppendFailure=false'))
    return connect(`${server.url}&throwOnAppendFailure=false`);
  if (note.startsWith('second client')) return connect(`esdb://${host},${host}?tls=false`);
  if (note.startsWith('third client')) return connect(`esdb+discover://${host}?tls=false`);
  if (note.startsWith('fourth client')) return connect(server.url);
  return client;
};

interface Running {
  readonly result: Promise<Record<string, unknown>>;
  /** Waits until a subscription has emitted what was recorded before that step. */
  reach(step: number): Promise<void>;
  finish(): Promise<void>;
}

const run = (client: Client, call: RecordedCall, positions: Positions): Running => {
  if (call.op.startsWith('subscribe')) return runSubscription(client, call, positions);
  const result = callOnce(client, call, positions).then(
    (returned) => ({ returned: record(returned) }),
    (error: unknown) => ({ threw: recordError(error) }),
  );
  return {
    result,
    reach: () => Promise.resolve(),
    finish: async () => {
      await result;
    },
  };
};

const callOnce = async (
  client: Client,
  { op, args, returned }: RecordedCall,
  positions: Positions,
): Promise<unknown> => {
  const { stream, stream_length, events, metadata } = revive(args) as Record<string, unknown>;
  const options = positions.translate(hurried(args['options'] ?? {}));
  const name = typeof stream_length === 'number' ? 'L'.repeat(stream_length) : nameFrom(stream);
  switch (op) {
    case 'appendToStream':
      return client['appendToStream']?.(name, eventsFrom(events), options);
    case 'setStreamMetadata':
      return client['setStreamMetadata']?.(name, metadata, options);
    case 'readStream':
    case 'readAll': {
      const read = (
        op === 'readAll' ? client['readAll']?.(options) : client['readStream']?.(name, options)
      ) as Read;
      read.on('error', ignore);
      if (returned === 'no answer after 3000 ms' || isNoEnd(returned)) {
        await delay(NO_ANSWER_AFTER);
        await read.cancel();
        return returned;
      }
      const all: unknown[] = [];
      for await (const resolved of read) all.push(resolved);
      return typeof stream_length === 'number' ? all.map(lengthOnly) : all;
    }
    default:
      return client[op]?.(name, options);
  }
};

type Read = AsyncIterable<unknown> & {
  on(event: 'error', listener: () => void): void;
  cancel(): Promise<void>;
};

const isNoEnd = (returned: unknown): boolean =>
  typeof returned === 'object' && returned !== null && 'no_end_within_3000_ms_then_cancelled' in returned;

const lengthOnly = (resolved: unknown): unknown => {
  const { event } = resolved as { event: { streamId: string; revision: bigint } };
  return { streamIdLength: event.streamId.length, revision: event.revision };
};

const runSubscription = (client: Client, call: RecordedCall, positions: Positions): Running => {
  const emitted: Record<string, unknown>[] = [];
  let wake: () => void = ignore;
  const emit = (what: Record<string, unknown>): void => {
    emitted.push(what);
    wake();
  };
  const checkpointReached = (_: unknown, position: unknown): void =>
    emit({ checkpointReached: record(position) });
  const { stream, options, ...all } = revive(call.args) as Record<string, unknown>;
  const filter = all['filter'] ? { ...all['filter'], checkpointReached } : undefined;
  const subscription = (
    call.op === 'subscribeToAll'
      ? client['subscribeToAll']?.({
          ...(positions.translate(call.args) as object),
          ...(filter && { filter }),
        })
      : client['subscribeToStream']?.(stream, options)
  ) as AllStreamSubscription | StreamSubscription;
  subscription.on('confirmation', () => emit({ confirmation: true }));
  subscription.on('data', (data: unknown) => emit({ data: record(data) }));
  subscription.on('caughtUp', () => emit({ caughtUp: true }));
  subscription.on('error', (error: unknown) => emit({ error: recordError(error) }));
  subscription.on('end', () => emit({ end: true }));
  subscription.on('close', () => emit({ close: true }));

  const recorded = call.emitted ?? [];
  const count = (list: readonly Record<string, unknown>[]): number =>
    list.filter((what) => !isSoft(what)).length;
  const until = async (wanted: number): Promise<void> => {
    const end = Date.now() + GIVE_UP_AFTER;
    while (count(emitted) < wanted && Date.now() < end)
      await Promise.race([
        delay(50),
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
      ]);
  };
  let done: (result: Record<string, unknown>) => void = ignore;
  const result = new Promise<Record<string, unknown>>((resolve) => {
    done = resolve;
  });
  return {
    result,
    reach: (step) => until(count(recorded.filter((what) => Number(what['at_step']) < step && !isEnd(what)))),
    finish: async () => {
      await until(count(recorded.filter((what) => !isEnd(what))));
      // Checkpoints are not counted strictly, and may come after the last event.
      for (
        let waited = 0;
        waited < SOFT_WAIT && emitted.length < recorded.filter((what) => !isEnd(what)).length;
        waited += 10
      )
        await delay(10);
      if (recorded.some((what) => 'unsubscribe_called' in what)) {
        await subscription.unsubscribe();
        await until(count(recorded) - 1);
        emit({ unsubscribe_called: true });
      }
      done({ emitted });
    },
  };
};

/** Its number and time are not compared, or it is ours. */
const isSoft = (what: Record<string, unknown>): boolean => 'checkpointReached' in what;
const isEnd = (what: Record<string, unknown>): boolean =>
  'end' in what || 'close' in what || 'unsubscribe_called' in what;

const nameFrom = (stream: unknown): string => {
  const text = typeof stream === 'string' ? stream : '';
  const long = /^<'L' x (\d+)>$/.exec(text);
  return long ? 'L'.repeat(Number(long[1])) : text;
};

/** Events as recorded, or described: so many of one type with ids that count up. */
const eventsFrom = (events: unknown): unknown => {
  if (typeof events !== 'string') return events;
  const [, count, type, prefix, first] =
    /^(\d+) JSON events {}, type '(.*)', ids counting up from (.*-)([0-9a-f]+)$/.exec(events) ?? [];
  return Array.from({ length: Number(count) }, (_, i) => ({
    id: `${prefix ?? ''}${String(Number(first) + i).padStart(12, '0')}`,
    type,
    contentType: 'application/json',
    data: {},
  }));
};

const hurried = (options: unknown): unknown => {
  const given = options as { deadline?: number };
  return given.deadline === undefined ? given : { ...given, deadline: given.deadline * HURRY };
};

/** The recorded server's positions as the imitation's, by the events that stand there. */
class Positions {
  readonly #places = new Map<bigint, { stream: string; revision: number }>();

  constructor(
    scenario: Scenario,
    private readonly server: EventStoreDbServer,
  ) {
    for (const entry of scenario.client_result) this.#learn(entry);
  }

  translate(options: unknown): unknown {
    const revived = revive(options) as { fromPosition?: unknown };
    const from = revived.fromPosition;
    if (typeof from !== 'object' || from === null) return revived;
    const { commit, prepare } = from as { commit: bigint; prepare: bigint };
    return { ...revived, fromPosition: { commit: this.#ours(commit), prepare: this.#ours(prepare) } };
  }

  #ours(recorded: bigint): bigint {
    for (const off of [0n, 1n, -1n]) {
      const place = this.#places.get(recorded - off);
      const event = place && this.server.database.events(place.stream)?.[place.revision];
      if (event) return BigInt(event.position) + off;
    }
    return recorded;
  }

  #learn(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    if ('streamId' in value && 'position' in value) {
      const { streamId, revision, position } = revive(value) as {
        streamId: string;
        revision: bigint;
        position: { commit: bigint };
      };
      this.#places.set(position.commit, { stream: streamId, revision: Number(revision) });
    }
    for (const item of Object.values(value)) this.#learn(item);
  }
}

const delay = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

const ignore = (): void => undefined;
