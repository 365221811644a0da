import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  begin,
  complete,
  deploymentDecider,
  initial,
  measure,
  movesGuard,
  override,
  permits,
  rollBack,
  verify,
  type BackupNote,
  type DeploymentEvent,
} from '../../../src/domain/deployment/deployment.js';
import type { Finding, Fingerprint } from '../../../src/domain/deployment/verification.js';
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
const position = '0000000000000009';
const before: Fingerprint = { position, records: 9, root: 'a', categories: {}, read_models: [] };
const backup: BackupNote = { kind: 'position', position };
const measured: DeploymentEvent = {
  type: 'DeploymentMeasured',
  data: { deployment_id: one, before, backup },
};
const finding: Finding = { code: 'records_added', detail: 'One more.' };
const verified = (findings: readonly Finding[]): DeploymentEvent => ({
  type: 'DeploymentVerified',
  data: {
    ...{ deployment_id: one, passed: findings.length === 0, position },
    ...{ findings, finding_count: findings.length },
  },
});
const deployments = given(deploymentDecider);

const decide = (
  state: typeof initial,
  wished: 'begin' | 'measure' | 'pass' | 'fail' | 'complete' | 'override',
  id: DeploymentId,
) => {
  switch (wished) {
    case 'begin':
      return begin(state, wish(id));
    case 'measure':
      return measure(state, id, { before, backup });
    case 'pass':
    case 'fail':
      return verify(state, id, { position, findings: wished === 'pass' ? [] : [finding] });
    case 'complete':
      return complete(state, id);
    case 'override':
      return override(state, id, { by: 'ada', reason: 'known' });
  }
};

describe('a deployment', () => {
  it('begins where none is under way', () =>
    deployments()
      .when((guard) => begin(guard, wish(one)))
      .then(begun(one, 1)));

  it('waits for the one that is under way', () =>
    deployments(begun(one, 1))
      .when((guard) => begin(guard, wish(two)))
      .thenRefused('deployment_in_progress'));

  it('is measured once: what is measured later may have seen the deployment', () => {
    deployments(begun(one, 1))
      .when((state) => measure(state, one, { before, backup }))
      .then(measured);
    deployments(begun(one, 1), measured)
      .when((state) => measure(state, one, { before: { ...before, root: 'other' }, backup }))
      .thenNothing();
  });

  it('is not verified before it was measured', () =>
    deployments(begun(one, 1))
      .when((state) => verify(state, one, { position, findings: [] }))
      .thenRefused('not_measured'));

  it('passes where nothing was found', () =>
    deployments(begun(one, 1), measured)
      .when((state) => verify(state, one, { position, findings: [] }))
      .thenOnce(verified([])));

  it('keeps the first findings, and how many there are', () => {
    const many = Array.from({ length: 250 }, () => finding);
    const data = { passed: false, findings: many.slice(0, 100), finding_count: 250 };
    deployments(begun(one, 1), measured)
      .when((state) => verify(state, one, { position, findings: many }))
      .thenOnce({ type: 'DeploymentVerified', data: { deployment_id: one, position, ...data } });
  });

  describe.each([
    ['completed', complete, completed(one, 2)],
    [
      'rolled back',
      (state: Parameters<typeof rollBack>[0], id: DeploymentId) => rollBack(state, id, 'it failed'),
      { type: 'DeploymentRolledBack', data: { deployment_id: one, epoch: 2, reason: 'it failed' } },
    ],
  ] as const)('is %s', (_how, decide, event) => {
    it('after a passed verification', () =>
      deployments(begun(one, 1), measured, verified([]))
        .when((state) => decide(state, one))
        .thenOnce(event));

    it('after a failed one that was followed by a passed one', () =>
      deployments(begun(one, 1), measured, verified([finding]), verified([]))
        .when((state) => decide(state, one))
        .thenOnce(event));

    it('not before', () =>
      deployments(begun(one, 1), measured)
        .when((state) => decide(state, one))
        .thenRefused('not_verified'));

    it('not where the last verification failed', () =>
      deployments(begun(one, 1), measured, verified([]), verified([finding]))
        .when((state) => decide(state, one))
        .thenRefused('verification_failed'));

    it('not by what was verified of an earlier one', () =>
      deployments(begun(two, 1), measured, verified([]), completed(two, 2), begun(one, 3))
        .when((state) => decide(state, one))
        .thenRefused('not_verified'));

    it('not by another', () =>
      deployments(begun(one, 1), measured, verified([]))
        .when((state) => decide(state, two))
        .thenRefused('other_deployment'));

    it('not where none is under way', () =>
      deployments(begun(one, 1), measured, verified([]), completed(one, 2))
        .when((state) => decide(state, one))
        .thenRefused('no_deployment'));
  });

  it('ends on a person’s word, who says why', () =>
    deployments(begun(one, 1), measured, verified([finding]))
      .when((state) => override(state, one, { by: 'ada', reason: 'known' }))
      .thenOnce({
        type: 'DeploymentOverridden',
        data: { deployment_id: one, epoch: 2, by: 'ada', reason: 'known' },
      }));

  it('opens a new epoch with every begin and every end, and is up in between', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom(...(['begin', 'measure', 'pass', 'fail', 'complete', 'override'] as const)),
            fc.constantFrom(one, two),
          ),
        ),
        (wishes) => {
          let state = initial;
          for (const [wished, id] of wishes) {
            const decided = decide(state, wished, id);
            if (!decided.accepted) continue;
            for (const event of decided.events) {
              const { epoch } = state;
              state = deploymentDecider.evolve(state, event);
              expect(state.epoch).toBe(movesGuard(event) ? epoch + 1 : epoch);
              const ends = event.type === 'DeploymentCompleted' || event.type === 'DeploymentOverridden';
              expect(permits(state, 'domain')).toBe(ends);
              expect(permits(state, 'deployment') && permits(state, 'nothing')).toBe(true);
            }
          }
        },
      ),
      { seed: 1 },
    ));
});
