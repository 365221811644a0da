import { writeSync } from 'node:fs';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { smallLog } from './embedded-log.js';
import { eventFactory, revision, stream } from './log-events.js';

/**
 * Opens a log with small segments, appends telemetry without pause and seals what is full, until it is killed. Says
 * after each answer what was acknowledged, and of each segment that it was sealed.
 *
 *   node --import typescript.mjs log-sealing-under-load.ts DIRECTORY RUN
 */
const [directory = '', run = ''] = process.argv.slice(2);

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

const lines = (n: number): Buffer =>
  Buffer.from(
    Array.from({ length: 200 }, (_, i) =>
      JSON.stringify({
        type: 'api_call',
        service: 'checkout',
        path: `/orders/${n}/${i}`,
        duration_ms: i / 4,
      }),
    ).join('\n'),
  );

const log = await EmbeddedEventStore.open(directory, {
  ...smallLog,
  segmentBytes: 1024 * 1024,
  maxAppendBytes: 256 * 1024,
  unsealedSegments: 0,
});
log.startSealing({
  sealed: (segment) => {
    say(`sealed ${segment}`);
  },
  failed: (error) => {
    throw error;
  },
});
say('open');
const event = eventFactory(1_000 + Number(run));
for (let next = 0; ; next += 1) {
  const outcome = await log.append(stream(`run-${run}`), next === 0 ? 'none' : revision(next - 1), [
    event.binary(lines(next)),
  ]);
  if (outcome.outcome !== 'appended') throw new Error(JSON.stringify(outcome));
  say(`appended ${next + 1}`);
}
