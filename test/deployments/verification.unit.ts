import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { examineLog, takeCensus } from '../../src/deployments/examination.js';
import type { GuardMode } from '../../src/domain/deployment/deployment.js';
import type { Fingerprint, Window } from '../../src/domain/deployment/verification.js';
import type { EventId } from '../../src/domain/ids.js';
import {
  toPosition,
  type EventLog,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../../src/eventstore/event-store.js';
import { uuidFrom } from '../../src/platform/uuid.js';

/** How often each kind is planted, in logs made of as many seeds. */
const RUNS = Number(process.env.PLANTED_RUNS ?? 100);
const START_MS = Date.UTC(2026, 0, 1);
const never = new AbortController().signal;
const nothing = (): void => undefined;
const nothingAside = { sight: (record: RecordedEvent) => Promise.resolve(record) };

/** Numbers from a seed (mulberry32), so that each run can be repeated. */
const numbers = (seed: number) => {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return { below, pick: <T>(list: readonly T[]): T => list[below(list.length)]! };
};
type Numbers = ReturnType<typeof numbers>;

type Draft = Omit<RecordedEvent, 'position' | 'revision'>;

const draft = (id: string, stream: string, type: string, at: number, more: Partial<Draft> = {}): Draft => ({
  id: uuidFrom(id) as EventId,
  stream: stream as StreamName,
  type,
  schema_version: 1,
  data: { value: id },
  ...more,
  metadata: {
    actor: { kind: 'api_key', id: 'key_1' },
    origin: 'api',
    request_id: id,
    correlation_id: id,
    causation_id: id,
    instance_id: 'here',
    release: '1',
    guard_epoch: 0,
    recorded_at: new Date(START_MS + at).toISOString(),
    ...more.metadata,
  },
});

/** Puts places on records, as any store that took them in this order would: whoever forges a log does no less. */
const placed = (drafts: readonly Draft[]): RecordedEvent[] => {
  const revisions = new Map<string, number>();
  return drafts.map((record, i) => {
    const revision = revisions.get(record.stream) ?? 0;
    revisions.set(record.stream, revision + 1);
    return { ...record, revision: revision as Revision, position: toPosition(i + 1) };
  });
};

const logOf = (records: readonly RecordedEvent[]): EventLog =>
  ({
    // eslint-disable-next-line @typescript-eslint/require-await -- the port's shape
    readStream: async function* (stream: string, { from = 0, limit = Infinity } = {}) {
      yield* records.filter((one) => one.stream === stream && one.revision >= from).slice(0, limit);
    },
    head: () => Promise.resolve(records.at(-1)?.position ?? toPosition(0)),
    // eslint-disable-next-line @typescript-eslint/require-await -- the port's shape
    readAll: async function* () {
      for (let at = 0; at < records.length; at += 7) {
        const events = records.slice(at, at + 7);
        yield { events, position: events.at(-1)!.position, caught_up: at + 7 >= records.length };
      }
    },
  }) as unknown as EventLog;

const operator = { actor: { kind: 'operator', id: 'operator' } } as const;
const deployment_id = 'dep_1';

const telemetry = (id: string, at: number, mode: GuardMode | 'open'): Draft =>
  draft(id, 'telemetry-ten_1-0-20260101', 'TelemetryRecorded', at, {
    data: Buffer.from(`{"type":"api_call","id":"${id}"}`),
    metadata: (mode === 'open' ? {} : { deployment_id, guard_epoch: 1 }) as unknown as Draft['metadata'],
  });

/** A log with a deployment under way: `begun` is the place of its begin among the records. */
interface World {
  readonly records: readonly Draft[];
  readonly begun: number;
  readonly mode: GuardMode;
}

const world = ({ below, pick }: Numbers): World => {
  const mode = pick(['strict', 'allow_ingest'] as const);
  const streams = ['rule-rul_1', 'rule-rul_2', 'user-usr_1', 'tenant-ten_1', 'apikey-key_1', 'alert-alr_1'];
  const count = 20 + below(60);
  const before = Array.from({ length: count }, (_, i) =>
    below(3) === 0
      ? telemetry(`t${String(i)}`, i * 1000, 'open')
      : draft(`d${String(i)}`, pick(streams), pick(['Defined', 'Changed']), i * 1000),
  );
  const own = (name: string, type: string, at: number): Draft =>
    draft(name, 'deployments', type, at, {
      data: { deployment_id, release: '2', mode },
      metadata: { ...operator, deployment_id } as unknown as Draft['metadata'],
    });
  const begun = own('begun', 'DeploymentBegun', count * 1000);
  const marked =
    mode === 'strict'
      ? []
      : Array.from({ length: 1 + below(10) }, (_, i) =>
          telemetry(`m${String(i)}`, (count + 2 + i) * 1000, mode),
        );
  const records = [...before, begun, own('measured', 'DeploymentMeasured', (count + 1) * 1000), ...marked];
  return { records, begun: count, mode };
};

const examined = async ({ records, begun, mode }: World, forged: readonly Draft[]) => {
  const genuine = placed(records);
  const { position, metadata } = genuine[begun]!;
  const print = await takeCensus(logOf(genuine), position, never, nothing);
  const before: Fingerprint = { ...print, read_models: [] };
  const window: Window = { deployment_id, mode, epoch: 1, begun_at: metadata.recorded_at };
  const tools = { log: logOf(placed(forged)), quarantines: nothingAside };
  const { findings } = await examineLog(tools, before, window, never, nothing);
  return findings.map(({ code }) => code);
};

const changed = (records: readonly Draft[], at: number, change: (record: Draft) => Draft): readonly Draft[] =>
  records.map((record, i) => (i === at ? change(record) : record));

const provenance =
  (change: Partial<Draft['metadata']>) =>
  (record: Draft): Draft => ({
    ...record,
    metadata: { ...record.metadata, ...change },
  });

/** A forgery of each kind: the records as a deployment might have left them. */
type Forge = (world: World, random: Numbers) => readonly Draft[];
const kinds: Readonly<Record<string, Forge>> = {
  'one more, at the end': ({ records }) => [...records, draft('new', 'rule-rul_9', 'Defined', 999_000)],
  'one more, in a stream that was there, marked as the deployment’s': ({ records }) => [
    ...records,
    draft('new', 'rule-rul_1', 'Defined', 999_000, {
      metadata: { deployment_id, guard_epoch: 1 } as unknown as Draft['metadata'],
    }),
  ],
  'one more, among those before': ({ records, begun }, { below }) => {
    const at = below(begun);
    return [...records.slice(0, at), draft('new', 'user-usr_1', 'Defined', at * 1000), ...records.slice(at)];
  },
  'one fewer': ({ records, begun }, { below }) => {
    const at = below(begun);
    return records.filter((_, i) => i !== at);
  },
  'one fewer, the last before the deployment': ({ records, begun }) =>
    records.filter((_, i) => i !== begun - 1),
  'one edited': ({ records, begun }, { below }) =>
    changed(records, below(begun), (record) => ({
      ...record,
      data:
        record.data instanceof Uint8Array ? Buffer.concat([record.data, Buffer.of(10)]) : { value: 'forged' },
    })),
  'one bit of telemetry': ({ records }, { below }) => {
    const at = records.findIndex(({ type }) => type === 'TelemetryRecorded');
    return changed(records, at, (record) => {
      const data = Buffer.from(record.data as Uint8Array);
      const bit = below(data.length * 8);
      data[bit >> 3]! ^= 1 << (bit & 7);
      return { ...record, data };
    });
  },
  'another actor': ({ records, begun }, { below }) =>
    changed(records, below(begun), provenance({ actor: { kind: 'user', id: 'usr_9' } })),
  'a time set back': ({ records, begun }, { below }) =>
    changed(records, below(begun), provenance({ recorded_at: new Date(START_MS - 1).toISOString() })),
  reordered: ({ records, begun }, { below }) => {
    const at = below(begun - 1);
    const [one, other] = [records[at]!, records[at + 1]!];
    return records.map((record, i) => (i === at ? other : i === at + 1 ? one : record));
  },
  'swapped for another, at equal count': ({ records, begun }, { below }) =>
    changed(records, below(begun), ({ stream, type, metadata }) => ({
      ...draft('forged', stream, type, 0),
      metadata,
    })),
  'moved to another stream': ({ records, begun }, { below }) =>
    changed(records, below(begun), (record) => ({ ...record, stream: 'rule-rul_7' as StreamName })),
  'back-dated': ({ records, begun, mode }, { below }) => [
    ...records,
    telemetry('late', below(begun - 2) * 1000, mode),
  ],
  'telemetry that nobody let in': ({ records }) => [...records, telemetry('unmarked', 999_000, 'open')],
  'telemetry that no client sent': ({ records, mode }) => [
    ...records,
    provenance({ actor: { kind: 'process', id: 'seed' } })(telemetry('seeded', 999_000, mode)),
  ],
  'telemetry that a record which nobody asked for has caused': ({ records, mode }) => [
    ...records,
    provenance({ causation_id: 'dep' })(telemetry('caused', 999_000, mode)),
  ],
  'a quarantine that a program made up': ({ records }) => [
    ...records,
    draft('forged', 'quarantine-ten_1', 'QuarantineApproved', 999_000),
  ],
  'an act of the deployment that the operator did not do': ({ records }) => [
    ...records,
    draft('forged', 'deployments', 'DeploymentVerified', 999_000),
  ],
};

describe('verifying a deployment', () => {
  it('finds nothing where nothing is wrong', async () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const made = world(numbers(seed));
      expect([seed, await examined(made, made.records)]).toEqual([seed, []]);
    }
  });

  it.each(Object.entries(kinds))('never misses %s', async (_kind, forge) => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const random = numbers(seed);
      const made = world(random);
      const codes = await examined(made, forge(made, random));
      expect([seed, codes.length > 0]).toEqual([seed, true]);
    }
  });

  it('names what happened', async () => {
    const random = numbers(7);
    const made = world(random);
    const codes = (kind: keyof typeof kinds) => examined(made, kinds[kind]!(made, random));
    expect(await codes('one more, at the end')).toEqual(['record_introduced']);
    expect(await codes('one edited')).toEqual(['records_changed']);
    expect(await codes('back-dated')).toContain('record_back_dated');
  });

  it('takes two logs for the same where they hold the same, and for no other, however they are cut', () =>
    fc.assert(
      fc.asyncProperty(fc.integer(), fc.nat(), async (seed, at) => {
        const { records } = world(numbers(seed));
        const print = async (of: readonly Draft[]) =>
          (await takeCensus(logOf(placed(of)), toPosition(of.length), never, nothing)).root;
        const other = changed(records, at % records.length, (record) => ({ ...record, schema_version: 2 }));
        expect(await print(records)).toBe(await print([...records]));
        expect(await print(other)).not.toBe(await print(records));
      }),
      { seed: 1, numRuns: 50 },
    ));
});
