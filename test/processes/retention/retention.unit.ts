import { describe, expect, it } from '@jest/globals';
import type { TenantId } from '../../../src/domain/ids.js';
import { DroppingForbidden, type RecordDropping } from '../../../src/eventstore/dropping.js';
import type { RecordedEvent } from '../../../src/eventstore/event-store.js';
import type { ReactionOutcome } from '../../../src/processes/process.js';
import { dropRetired } from '../../../src/processes/retention/drop-retired.js';
import { retention, type DueDropping } from '../../../src/processes/retention/retention.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 4, 20, 12);
const acme = 'ten_acme' as TenantId;
const other = 'ten_other' as TenantId;
const log = new MemoryEventLog();

const set = (tenant: TenantId, days: number | null, time = NOON): RecordedEvent =>
  log.append(
    tenant,
    `tenant-${tenant}`,
    'TenantRetentionSet',
    { days },
    {
      recorded_at: new Date(time).toISOString(),
    },
  );
const retired = (tenant: TenantId, from: number, to: number): RecordedEvent =>
  log.append(tenant, `retention-${tenant}`, 'TelemetryRetired', {
    records: { [`t-${tenant}`]: [[from, to]] },
  });

const done = (): Promise<ReactionOutcome> => Promise.resolve({ outcome: 'done' });
const process = retention({ retire: done, drop: done, erase: done, complete: done });
const begin = () => process.begin(log);

describe('the retention process', () => {
  it('retires when the rule is recorded, and at each midnight in UTC after it', async () => {
    const run = await begin();
    expect(run.due()).toBeUndefined();
    const rule = set(acme, 7);
    expect(run.take(rule)).toEqual([]);
    expect(run.due()).toBe(NOON);
    const cause = { event_id: rule.id, correlation_id: rule.metadata.correlation_id };
    const due = { kind: 'retire', tenant_id: acme, days: 7, cause };
    expect(run.passed(NOON + 5)).toEqual([{ ...due, before: Date.UTC(2026, 4, 13) }]);
    expect(run.due()).toBe(Date.UTC(2026, 4, 21));
    expect(run.passed(NOON + HOUR_MS)).toEqual([]);
    // It was away for three days.
    const later = Date.UTC(2026, 4, 24, 3);
    expect(run.passed(later)).toEqual([{ ...due, before: Date.UTC(2026, 4, 17) }]);
    expect(run.due()).toBe(Date.UTC(2026, 4, 25));
  });

  it('goes by the rule that was set last, and by none where telemetry is kept for good', async () => {
    const run = await begin();
    run.take(set(acme, 7));
    run.take(set(acme, 2));
    run.take(set(other, 5));
    expect(run.passed(NOON)).toMatchObject([
      { tenant_id: acme, days: 2 },
      { tenant_id: other, days: 5 },
    ]);
    run.take(set(acme, null));
    expect(run.passed(NOON + 48 * HOUR_MS)).toMatchObject([{ tenant_id: other }]);
  });

  it('goes on from a saved state', async () => {
    const run = await begin();
    run.take(set(acme, 7));
    run.passed(NOON);
    const saved = run.save();
    const resumed = saved && process.resume(saved);
    expect(resumed?.due()).toBe(run.due());
    expect(resumed?.passed(NOON + 24 * HOUR_MS)).toEqual(run.passed(NOON + 24 * HOUR_MS));
  });

  it('drops what records say is retired, many of them at once, after all that is to be retired', async () => {
    const run = await begin();
    run.take(set(acme, 7));
    const first = retired(acme, 0, 4);
    const last = retired(acme, 5, 9);
    const reactions = [...run.take(first), ...run.take(last), ...run.passed(NOON)];
    expect(process.steps(reactions)).toEqual([
      [expect.objectContaining({ kind: 'retire' })],
      [{ kind: 'drop', records: { [`t-${acme}`]: [[0, 9]] }, cuts: {}, through: last.position }],
    ]);
    expect(process.steps([])).toEqual([]);
  });

  it('drops nothing under the deployment guard, also where it goes up meanwhile', async () => {
    let guarded = true;
    let asked = 0;
    const files: RecordDropping = {
      drop: (_records, _through, { isAllowed }) => {
        asked += 1;
        if (!isAllowed()) return Promise.reject(new DroppingForbidden());
        return Promise.resolve({ segments: 1, records: 1, cut: 0, before_bytes: 2, bytes: 1 });
      },
      foresee: () => Promise.resolve([]),
    };
    const due: DueDropping = { kind: 'drop', records: {}, cuts: {}, through: retired(acme, 0, 0).position };
    const { signal } = new AbortController();
    const drop = dropRetired(files, () => guarded);
    expect(await drop(due, signal)).toMatchObject({ outcome: 'guarded' });
    guarded = false;
    expect(await drop(due, signal)).toEqual({ outcome: 'done' });
    expect(asked).toBe(2);
    // A server's files are not ours.
    expect(await dropRetired(undefined, () => guarded)(due, signal)).toEqual({ outcome: 'done' });
  });
});
