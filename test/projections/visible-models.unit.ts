import { describe, expect, it } from '@jest/globals';
import { NEVER } from 'rxjs';
import type { TenantId } from '../../src/domain/ids.js';
import { toPosition, type Position } from '../../src/eventstore/event-store.js';
import { auditTrail } from '../../src/projections/audit-trail/projection.js';
import type { AnyProjection } from '../../src/projections/projection.js';
import { quarantines } from '../../src/projections/quarantines/projection.js';
import type { ReadModels } from '../../src/projections/read-models.js';
import { rules } from '../../src/projections/rules/projection.js';
import { BeingCorrected, VisibleModels } from '../../src/projections/visible-models.js';

const ada = 'ten_ada' as TenantId;
const bob = 'ten_bob' as TenantId;

/** Read models at a position, that get further when the test says so. */
class Models {
  position = toPosition(4);
  asked = 0;
  arrive: (reached: boolean) => void = () => undefined;

  readonly models = {
    changes: NEVER,
    position: () => this.position,
    reached: () => new Promise<boolean>((resolve) => (this.arrive = resolve)),
    read: () => ({
      get: () => {
        this.asked += 1;
        return Promise.resolve(undefined);
      },
      find: () => {
        this.asked += 1;
        return Promise.resolve([]);
      },
    }),
  } as unknown as ReadModels;

  readonly visible = new VisibleModels(this.models, {
    decidedAt: (tenant): Promise<Position> => Promise.resolve(toPosition(tenant === ada ? 7 : 3)),
  });

  read(projection: AnyProjection, tenant: TenantId): Promise<unknown> {
    return this.visible.read(projection, tenant).find({ index: 'any', limit: 1 });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('read models as people are shown them', () => {
  it('answer once they know what was set aside, and not before', async () => {
    const fake = new Models();
    const answer = fake.read(rules, ada);
    await turn();
    expect(fake.asked).toBe(0);
    fake.position = toPosition(7);
    fake.arrive(true);
    await answer;
    expect(fake.asked).toBe(1);
    await fake.visible.read(rules, ada).get('any');
    expect(fake.asked).toBe(2);
  });

  it('say that they are being made anew where that takes too long', async () => {
    const fake = new Models();
    const answer = fake.read(rules, ada);
    await turn();
    fake.arrive(false);
    await expect(answer).rejects.toThrow(BeingCorrected);
    expect(fake.asked).toBe(0);
  });

  it.each([
    ['another tenant’s', rules, bob],
    ['the quarantines themselves', quarantines, ada],
    ['what shows all that was written', auditTrail, ada],
  ] as const)('wait for nothing where it is %s', async (_, projection, tenant) => {
    const fake = new Models();
    await fake.read(projection, tenant);
    expect(fake.asked).toBe(1);
  });
});
