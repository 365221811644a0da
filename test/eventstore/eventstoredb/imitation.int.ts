import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalise, type Scenario } from '../../support/eventstoredb-server/recording.js';
import { replay } from '../../support/eventstoredb-server/replay.js';
import { EventStoreDbServer } from '../../support/eventstoredb-server/server.js';

const root = join(import.meta.dirname, '..', '..', '..');
const recordings = join(root, '..', 'shared', 'data', 'eventstoredb-23.10');
const load = (file: string): Scenario => JSON.parse(readFileSync(file, 'utf8')) as Scenario;

const covered = [
  '01-connect',
  '02-append-new-no-stream',
  '03-append-exact-revision',
  '04-conflicts',
  '05-idempotency',
  '06-append-paths',
  '07-binary-json-metadata',
  '08-size-limit',
  '09-read-stream',
  '10-read-all',
  '11-subscribe-to-all',
  '11b-checkpoint-cadence',
  '12-subscribe-to-stream',
  '13-stream-metadata',
  '14-delete-tombstone',
  '15-odd-names-and-empty',
  '16-server-killed',
  '17-deadline',
];
const notCovered = [
  ['18-beyond-the-client', 'requests that neither the client nor the adapter ever makes'],
  [
    '19-stream-name-dollar-dollar',
    'the imitation outlives a write to the stream $$, which the adapter refuses',
  ],
  ['20-server-terminated', 'the imitation can be killed, not asked to stop'],
] as const;

/** With two events to a search window, one checkpoint of the real server comes an event late. */
const withoutCheckpoints = (result: unknown): unknown => {
  const { emitted, ...rest } = result as { emitted?: readonly object[] };
  return emitted ? { ...rest, emitted: emitted.filter((what) => !('checkpointReached' in what)) } : result;
};

describe('the imitation of EventStoreDB answers the client as the recorded server did', () => {
  let server: EventStoreDbServer;
  let ahead = 0;

  beforeEach(async () => {
    ahead = 0;
    server = await EventStoreDbServer.start({ now: () => Date.now() + ahead });
  });
  afterEach(() => server.kill());

  const compare = async (scenario: Scenario): Promise<void> => {
    const clock = {
      advance: (milliseconds: number) => {
        ahead += milliseconds;
      },
    };
    const results = await replay(scenario, server, clock);
    const recorded = scenario.client_result.map((entry) =>
      'op' in entry
        ? {
            op: entry.op,
            ...('returned' in entry && { returned: entry.returned }),
            ...('threw' in entry && { threw: entry.threw }),
            ...('emitted' in entry && { emitted: entry.emitted }),
          }
        : { note: entry.note },
    );
    const soft = scenario.name.startsWith('11-') ? withoutCheckpoints : (result: unknown) => result;
    const expected = normalise(recorded.map(soft));
    for (const [i, result] of normalise(results.map(soft)).entries())
      expect({ entry: i, result }).toEqual({ entry: i, result: expected[i] });
  };

  it('and still gives the answers that it gave when it was last compared with it', () =>
    compare(load(join(import.meta.dirname, 'answers.json'))));

  (existsSync(recordings) ? describe : describe.skip)('in the recorded scenario', () => {
    it.each(covered)('%s', (name) => compare(load(join(recordings, `${name}.json`))));

    for (const [name, reason] of notCovered) it.skip(`${name}: ${reason}`, () => undefined);
  });
});
