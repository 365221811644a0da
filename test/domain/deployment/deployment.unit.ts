import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  begin,
  complete,
  deploymentDecider,
  initial,
  permits,
  type DeploymentEvent,
} from '../../../src/domain/deployment/deployment.js';
import type { DeploymentId } from '../../../src/domain/ids.js';
import { given } from '../../support/given.js';

const [one, two] = ['dep_1', 'dep_2'] as unknown as [DeploymentId, DeploymentId];
const wish = (deployment_id: DeploymentId) => ({ deployment_id, release: '2.0', mode: 'strict' }) as const;
const begun = (deployment_id: DeploymentId, epoch: number): DeploymentEvent => ({
  type: 'DeploymentBegun',
  data: { ...wish(deployment_id), epoch },
});
const completed = (deployment_id: DeploymentId, epoch: number): DeploymentEvent => ({
  type: 'DeploymentCompleted',
  data: { deployment_id, epoch },
});
const deployments = given(deploymentDecider);

describe('a deployment', () => {
  it('begins where none is under way', () =>
    deployments()
      .when((guard) => begin(guard, wish(one)))
      .then(begun(one, 1)));

  it('waits for the one that is under way', () =>
    deployments(begun(one, 1))
      .when((guard) => begin(guard, wish(two)))
      .thenRefused('deployment_in_progress'));

  it('is completed', () =>
    deployments(begun(one, 1))
      .when((guard) => complete(guard, one))
      .thenOnce(completed(one, 2)));

  it('is not completed by another', () =>
    deployments(begun(one, 1))
      .when((guard) => complete(guard, two))
      .thenRefused('other_deployment'));

  it('is not completed where none is under way', () =>
    deployments(begun(one, 1), completed(one, 2))
      .when((guard) => complete(guard, one))
      .thenRefused('no_deployment'));

  it('opens a new epoch with every begin and every completion', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.constantFrom(one, two))), (wishes) => {
        let guard = initial;
        for (const [begins, id] of wishes) {
          const decided = begins ? begin(guard, wish(id)) : complete(guard, id);
          if (!decided.accepted) continue;
          for (const event of decided.events) {
            const { epoch } = guard;
            guard = deploymentDecider.evolve(guard, event);
            expect(guard.epoch).toBe(epoch + 1);
            expect(permits(guard, 'domain')).toBe(event.type === 'DeploymentCompleted');
          }
        }
      }),
      { seed: 1 },
    ));
});
