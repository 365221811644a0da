import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../src/domain/json.js';
import type { TenantId } from '../../../src/domain/ids.js';
import { readDecided } from '../../../src/processes/alert-evaluation/decided.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const acme = 'ten_acme' as TenantId;
const alert = 'alert-alr_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f';

const logOf = (
  ...records: readonly [type: string, recorded_at: string, data: JsonObject][]
): MemoryEventLog => {
  const log = new MemoryEventLog();
  for (const [type, recorded_at, data] of records)
    log.append(acme, type === 'TelemetryRetired' ? 'retention-ten_acme' : alert, type, data, { recorded_at });
  return log;
};
const fired = (boundary: string) =>
  ['AlertFired', boundary, { rule_id: 'rul_1', group: {}, evaluated_at: boundary }] as const;
const retired = (at: string, ...recorded_on: readonly string[]) =>
  ['TelemetryRetired', at, { recorded_on: [...recorded_on] }] as const;

describe('what an evaluation decided whose state is lost', () => {
  it('is nothing where nothing was decided', async () => {
    expect(await readDecided(logOf())).toBeUndefined();
  });

  it('is what the log says, up to its latest boundary', async () => {
    const decided = await readDecided(logOf([...fired('2026-03-01T12:00:00.000Z')]));
    expect(decided?.until).toBe(Date.parse('2026-03-01T12:00:00.000Z'));
    expect(decided?.open).toHaveLength(1);
  });

  it('is everything that was recorded on days of which telemetry is retired: its absence is no reason to alert', async () => {
    const log = logOf(
      [...fired('2026-03-01T12:00:00.000Z')],
      [...retired('2026-03-20T00:00:01.000Z', '2026-03-01', '2026-03-09')],
    );
    const decided = await readDecided(log);
    expect(decided?.until).toBe(Date.parse('2026-03-10T00:00:00.000Z'));
    expect(decided?.open).toHaveLength(1);
    const alone = await readDecided(logOf([...retired('2026-03-20T00:00:01.000Z', '2026-03-09')]));
    expect(alone).toEqual({ until: Date.parse('2026-03-10T00:00:00.000Z'), open: [] });
  });

  it('goes no further than when it was retired', async () => {
    const log = logOf([...retired('2026-03-20T08:00:00.000Z', '2026-03-20')]);
    expect((await readDecided(log))?.until).toBe(Date.parse('2026-03-20T08:00:00.000Z'));
  });
});
