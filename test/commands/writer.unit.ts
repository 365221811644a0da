import { beforeEach, describe, expect, it } from '@jest/globals';
import { DeploymentGuard } from '../../src/commands/guard.js';
import { RecordWriter, type Cause, type Draft } from '../../src/commands/writer.js';
import type { DeploymentId, EventId } from '../../src/domain/ids.js';
import type { AppendOutcome, EventLogWriter } from '../../src/eventstore/event-log-writer.js';
import type { NewEvent, Position, Revision, StreamName } from '../../src/eventstore/event-store.js';
import { testPeople } from '../support/people.js';
import { uuidFrom } from '../../src/platform/uuid.js';

const appended: AppendOutcome = {
  outcome: 'appended',
  revision: 0 as Revision,
  position: '0000000000000001' as Position,
  repeated: false,
};
const stream = 'rule-rul_1' as StreamName;
const cause: Cause = {
  actor: { kind: 'user', id: 'usr_1' },
  origin: 'api',
  request_id: 'req-1',
  correlation_id: 'req-1',
  causation_id: 'req-1',
};
const draft = (type: string, data: Draft['data'] = {}): Draft => ({
  id: uuidFrom(type) as EventId,
  type,
  schema_version: 1,
  data,
});
const begun = draft('DeploymentBegun', { deployment_id: 'dep_1', release: '2.0', mode: 'strict', epoch: 1 });
const completed = draft('DeploymentCompleted', { deployment_id: 'dep_1', epoch: 2 });

let records: NewEvent[];
let answer: () => Promise<AppendOutcome>;
let now: number;
let guard: DeploymentGuard;
let writer: RecordWriter;

beforeEach(() => {
  records = [];
  answer = () => Promise.resolve(appended);
  now = Date.parse('2026-01-01T00:00:00Z');
  const log: EventLogWriter = {
    append: (_stream, _expected, events) => {
      records.push(...events);
      return answer();
    },
    truncate: () => Promise.resolve(),
  };
  guard = new DeploymentGuard(false);
  const clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() };
  writer = new RecordWriter(log, guard, clock, { instance_id: 'here', release: '1.0' }, testPeople());
});

const append = (made: Draft, kind: 'domain' | 'telemetry' | 'deployment' = 'domain') => {
  const ticket = guard.admit(kind);
  if (!ticket) throw new Error('not admitted');
  return writer.append(stream, 'none', [made], cause, ticket);
};

describe('the writer', () => {
  it('stamps every record with where it comes from', async () => {
    await append(draft('AlertRuleDefined'));
    expect(records[0]?.metadata).toEqual({
      ...cause,
      instance_id: 'here',
      release: '1.0',
      guard_epoch: 0,
      recorded_at: '2026-01-01T00:00:00.000Z',
    });
  });

  it('never lets the time of recording go back', async () => {
    await append(draft('A'));
    now -= 60_000;
    await append(draft('B'));
    expect(records[1]?.metadata.recorded_at).toBe('2026-01-01T00:00:00.000Z');
  });

  it('draws a line in time: what it stamped before is in the log, what it stamps later comes after', async () => {
    let write: (outcome: AppendOutcome) => void = () => undefined;
    answer = () => new Promise((resolve) => (write = resolve));
    const before = append(draft('A'));

    const order: string[] = [];
    const line = writer.settle(now + 5_000).then(() => order.push('line'));
    void before.then(() => order.push('record'));
    answer = () => Promise.resolve(appended);
    await append(draft('B'));
    write(appended);
    await line;

    expect(order).toEqual(['record', 'line']);
    expect(records.map(({ metadata }) => metadata.recorded_at)).toEqual([
      '2026-01-01T00:00:00.000Z',
      '2026-01-01T00:00:05.000Z',
    ]);
  });

  it('refuses a record whose command was let in before a deployment began', async () => {
    const ticket = guard.admit('domain');
    await append(begun, 'deployment');
    expect(await writer.append(stream, 'none', [draft('A')], cause, ticket!)).toEqual({ outcome: 'guarded' });
    expect(records).toHaveLength(1);
  });

  it('refuses such a record after the deployment was completed, too', async () => {
    const ticket = guard.admit('domain');
    await append(begun, 'deployment');
    await append(completed, 'deployment');
    expect(await writer.append(stream, 'none', [draft('A')], cause, ticket!)).toEqual({ outcome: 'guarded' });
  });

  it('has the guard up before the record that begins a deployment reaches the log', async () => {
    let seen: string | undefined;
    answer = () => {
      seen = guard.state.mode;
      return Promise.resolve(appended);
    };
    await append(begun, 'deployment');
    expect(seen).toBe('strict');
    expect(records[0]?.metadata.deployment_id).toBe('dep_1');
  });

  it('keeps the guard up until the record that completes a deployment is durable', async () => {
    await append(begun, 'deployment');
    let seen: string | undefined;
    answer = () => {
      seen = guard.state.mode;
      return Promise.resolve(appended);
    };
    await append(completed, 'deployment');
    expect(seen).toBe('strict');
    expect(guard.state.mode).toBe('open');
  });

  it('lowers the guard again where the begin met a conflict', async () => {
    answer = () => Promise.resolve({ outcome: 'conflict', actual: 3 as Revision });
    await append(begun, 'deployment');
    expect(guard.state.mode).toBe('open');
  });

  it('leaves the guard up where nobody knows whether the begin was written', async () => {
    answer = () => Promise.reject(new Error('connection lost'));
    await expect(append(begun, 'deployment')).rejects.toThrow('connection lost');
    expect(guard.state.mode).toBe('strict');
  });
});

describe('the guard', () => {
  it('takes telemetry, and nothing else of a tenant, where the operator chose so', () => {
    guard.apply({
      type: 'DeploymentBegun',
      data: { deployment_id: 'dep_1' as DeploymentId, release: '2', mode: 'allow_ingest', epoch: 1 },
    });
    expect(guard.admit('telemetry')).toBeDefined();
    expect(guard.admit('domain')).toBeUndefined();
    expect(guard.admit('deployment')).toBeDefined();
  });

  it('is up whatever the log says where the configuration forces it', () => {
    const forced = new DeploymentGuard(true);
    expect(forced.admit('telemetry')).toBeUndefined();
    expect(forced.state.mode).toBe('strict');
    const data = {
      deployment_id: 'dep_1' as DeploymentId,
      release: '2',
      mode: 'allow_ingest',
      epoch: 1,
    } as const;
    forced.apply({ type: 'DeploymentBegun', data });
    expect(forced.admit('telemetry')).toBeUndefined();
  });

  it('is not moved by an older epoch', () => {
    guard.apply({ type: 'DeploymentCompleted', data: { deployment_id: 'dep_1' as DeploymentId, epoch: 4 } });
    guard.apply({
      type: 'DeploymentBegun',
      data: { deployment_id: 'dep_1' as DeploymentId, release: '2', mode: 'strict', epoch: 3 },
    });
    expect(guard.state).toMatchObject({ epoch: 4, mode: 'open' });
  });
});
