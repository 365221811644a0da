import { writeSync } from 'node:fs';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { smallLog } from './embedded-log.js';
import { revision, stream } from './log-events.js';
import { appendsOf, STREAMS, type LoadedStream } from './load.js';

/**
 * Opens a log and appends to it without pause until it is killed. Says after each answer what was acknowledged,
 * before it goes on: a line on standard output, written at once.
 *
 *   node --import typescript.mjs log-under-load.ts DIRECTORY RUN
 */
const [directory = '', run = ''] = process.argv.slice(2);

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

const load = async (log: EmbeddedEventStore, which: LoadedStream): Promise<never> => {
  let next = 0;
  for (const [number, events] of appendsOf(which)) {
    const expected = next === 0 ? 'none' : revision(next - 1);
    const outcome = await log.append(stream(which.name), expected, events);
    if (outcome.outcome !== 'appended') throw new Error(JSON.stringify(outcome));
    next += events.length;
    say(`${which.name} ${number + 1}`);
  }
  throw new Error('the load has no end');
};

// Its parent lets it wait until the one before it is dead.
await new Promise((resolve) => process.stdin.once('data', resolve));
const log = await EmbeddedEventStore.open(directory, smallLog);
say('open');
await Promise.all(STREAMS.map((_, i) => load(log, { name: `run-${run}-${i}`, run: Number(run), i })));
