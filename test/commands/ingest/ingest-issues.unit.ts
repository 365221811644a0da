import { describe, expect, it } from '@jest/globals';
import { IngestIssues, type Occurrence } from '../../../src/commands/ingest/ingest-issues.js';
import type { TenantId } from '../../../src/domain/ids.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { tenant, TestClock } from '../../support/telemetry.js';

const occurrence = (code: string, count = 1): Occurrence => ({
  ...{ outcome: 'rejected', code, pointer: '/type', count },
  actor: { kind: 'api_key', id: 'key_1' },
  example: { request_id: 'r', detail: 'is wrong', event_id: 'e' },
});
const countsOf = async (issues: IngestIssues, of = tenant) =>
  Object.fromEntries((await issues.of(of)).map(({ code, count }) => [code, count]));

describe('what became of events', () => {
  it('is summed over processes that write at the same time, and over restarts', async () => {
    const { register } = new MemoryReadStore();
    const clock = new TestClock();
    const processes = [1, 2, 3].map(() => new IngestIssues(register, clock));
    for (let round = 0; round < 5; round += 1) {
      for (const one of processes) one.note(tenant, occurrence('a'));
      await Promise.all(processes.map((one) => one.flush()));
    }
    expect(await countsOf(new IngestIssues(register, clock))).toEqual({ a: 15 });
  });

  it('is shown at once by the process that saw it, to its tenant alone', async () => {
    const { register } = new MemoryReadStore();
    const issues = new IngestIssues(register, new TestClock());
    for (let n = 0; n < 2500; n += 1) issues.note(tenant, occurrence(`c${n % 2}`));
    issues.note('ten_other' as TenantId, occurrence('theirs'));
    expect(await countsOf(issues)).toEqual({ c0: 1250, c1: 1250 });
    expect(await countsOf(issues, 'ten_other' as TenantId)).toEqual({ theirs: 1 });
  });

  it('is kept while the register cannot be written', async () => {
    const { register } = new MemoryReadStore();
    const issues = new IngestIssues(register, new TestClock());
    issues.note(tenant, occurrence('a'));
    const set = register.set.bind(register);
    register.set = () => Promise.reject(new Error('away'));
    await expect(issues.flush()).rejects.toThrow('away');
    register.set = set;
    issues.note(tenant, occurrence('a'));
    expect(await countsOf(issues)).toEqual({ a: 2 });
  });
});
