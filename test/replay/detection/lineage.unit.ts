import { expect, it } from '@jest/globals';
import type { DeploymentId, TenantId } from '../../../src/domain/ids.js';
import { Lineage, readReactedTo } from '../../../src/replay/detection/lineage.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const acme = 'ten_a' as TenantId;

it('holds no more records than process managers reacted to, and knows of these what it would know holding all', async () => {
  const log = new MemoryEventLog(() => 5);
  const ids: string[] = [];
  const append = (type: string, metadata: object): string => {
    const { id } = log.append(acme, `stream-${ids.length % 7}`, type, {}, metadata);
    ids.push(id);
    return id;
  };
  const client = (n: number): string =>
    append('TelemetryRecorded', {
      ...{ request_id: `r${n}`, causation_id: `r${n}`, actor: { kind: 'api_key', id: 'key_1' } },
    });
  const reaction = (causation_id: string): string =>
    append('AlertFired', {
      ...{ origin: 'process_manager', actor: { kind: 'process', id: 'alerts' }, causation_id },
    });
  for (let n = 0; n < 500; n += 1) {
    const cause = client(n);
    // One after another, and one that nobody stands behind.
    if (n % 100 === 50) reaction(reaction(reaction(cause)));
    if (n % 100 === 70) reaction(reaction('nobody'));
  }

  const { asked, until } = await readReactedTo(log);
  expect(until).toBe(await log.head());
  const all = new Lineage(Infinity);
  const some = new Lineage(Infinity, asked);
  await Promise.all([all.advance(log, until), some.advance(log, until)]);
  expect(all.size).toBe(500 + 15);
  expect(some.size).toBe(15);
  const window = {
    ...{ deployment_id: 'dep_1' as DeploymentId, release: '2', mode: 'strict' as const },
    ...{ begun: until, begin: until },
  };
  const rooted = [all, some].map((lineage) => {
    const before = lineage.before(window).rooted;
    return ids.filter((id) => asked.has(id) && before.has(id));
  });
  expect(rooted[0]).toHaveLength(15);
  expect(rooted[1]).toEqual(rooted[0]);
});
