import type { NewEvent } from '../../src/eventstore/event-store.js';
import { eventFactory } from './log-events.js';

/** One of the streams that a run of the load appends to. */
export interface LoadedStream {
  readonly name: string;
  readonly run: number;
  readonly i: number;
}

export const STREAMS = [0, 1, 2, 3, 4, 5, 6, 7] as const;

/** The appends to a stream, numbered, without end: the same for whoever asks. */
export function* appendsOf({ run, i }: LoadedStream): Generator<[number, [NewEvent, ...NewEvent[]]]> {
  const event = eventFactory(run * STREAMS.length + i);
  for (let number = 0; ; number += 1) {
    const events = event.many(1 + ((i * 7 + number) % 5));
    // Some lie across many sectors and pages.
    if (number % 4 === 0)
      events.push(event.binary(new Uint8Array((i * 8_191 + number * 977) % 60_000).fill(i)));
    yield [number, events];
  }
}
