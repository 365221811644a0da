import { describe, expect, it } from '@jest/globals';
import { DeploymentGuard } from '../../src/commands/guard.js';
import { followGuard, restoreGuard } from '../../src/commands/guard-following.js';
import type { TenantId } from '../../src/domain/ids.js';
import { START } from '../../src/eventstore/event-store.js';
import { MemoryEventLog } from '../support/memory-event-log.js';

const nobody = undefined as unknown as TenantId;
const begin = (log: MemoryEventLog, epoch: number) =>
  log.append(nobody, 'deployments', 'DeploymentBegun', {
    deployment_id: `dep_${epoch}`,
    release: '2.0',
    mode: 'strict',
    epoch,
  });
const complete = (log: MemoryEventLog, epoch: number) =>
  log.append(nobody, 'deployments', 'DeploymentCompleted', { deployment_id: `dep_${epoch - 1}`, epoch });

describe('the guard at start', () => {
  it('is open on a new log', async () => {
    const guard = new DeploymentGuard(false);
    expect(await restoreGuard(new MemoryEventLog(), guard)).toBe(START);
    expect(guard.state).toEqual({ epoch: 0, mode: 'open' });
  });

  it('stands where the log has it', async () => {
    const log = new MemoryEventLog();
    begin(log, 1);
    complete(log, 2);
    const { position } = begin(log, 3);
    const guard = new DeploymentGuard(false);
    expect(await restoreGuard(log, guard)).toBe(position);
    expect(guard.state).toMatchObject({ epoch: 3, mode: 'strict', deployment_id: 'dep_3' });
  });

  it('then follows what other instances do, until it is told to stop', async () => {
    const log = new MemoryEventLog();
    const guard = new DeploymentGuard(false);
    const stopping = new AbortController();
    const following = followGuard(log, guard, await restoreGuard(log, guard), stopping.signal);
    const mode = (): string => guard.state.mode;
    begin(log, 1);
    while (mode() === 'open') await new Promise((resolve) => setImmediate(resolve));
    complete(log, 2);
    while (mode() !== 'open') await new Promise((resolve) => setImmediate(resolve));
    expect(guard.state.epoch).toBe(2);
    stopping.abort();
    await following;
  });
});
