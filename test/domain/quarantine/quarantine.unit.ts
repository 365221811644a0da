import { describe, it } from '@jest/globals';
import type { QuarantineId } from '../../../src/domain/ids.js';
import type { Actor } from '../../../src/domain/provenance.js';
import {
  approve,
  propose,
  quarantineDecider,
  release,
  type Proposal,
  type QuarantineEvent,
} from '../../../src/domain/quarantine/quarantine.js';
import { given as givenOf } from '../../support/given.js';

const given = givenOf(quarantineDecider);
const quarantine_id = 'qua_1' as QuarantineId;
const ada: Actor = { kind: 'user', id: 'usr_ada' };
const bob: Actor = { kind: 'user', id: 'usr_bob' };
const key: Actor = { kind: 'api_key', id: 'key_1' };
const proposal: Proposal = {
  quarantine_id,
  reason: 'written by start-up code',
  records: [{ stream: 'rule-1', revision: 0, position: '0000000000000007', type: 'AlertRuleDefined' }],
};
const proposed = (more: Partial<Proposal> = {}): QuarantineEvent => ({
  type: 'QuarantineProposed',
  data: { ...proposal, ...more, by: ada },
});
const said = (type: Exclude<QuarantineEvent['type'], 'QuarantineProposed'>, by = ada): QuarantineEvent => ({
  type,
  data: { quarantine_id, by },
});

describe('proposing to set records aside', () => {
  it('is recorded with who did it, once', () => {
    given()
      .when((state) => propose(state, proposal, ada))
      .then(proposed());
    given(proposed())
      .when((state) => propose(state, proposal, ada))
      .thenNothing();
  });

  it('needs a record, and none that says what is set aside or what a deployment was', () => {
    given()
      .when((state) => propose(state, { ...proposal, records: [] }, ada))
      .thenRefused('nothing_to_quarantine');
    for (const type of ['QuarantineApproved', 'DeploymentBegun'])
      given()
        .when((state) => propose(state, { ...proposal, records: [{ ...proposal.records[0]!, type }] }, ada))
        .thenRefused('not_quarantinable');
  });
});

describe('approving', () => {
  it('sets aside, once', () => {
    given(proposed())
      .when((state) => approve(state, { quarantine_id, by: ada }))
      .then(said('QuarantineApproved'));
    given(proposed(), said('QuarantineApproved'))
      .when((state) => approve(state, { quarantine_id, by: bob }))
      .thenNothing();
  });

  it('is another person’s where that is asked for: neither the same one’s nor a program’s', () => {
    const two = proposed({ two_people: true });
    given(two)
      .when((state) => approve(state, { quarantine_id, by: ada }))
      .thenRefused('second_person_needed');
    given(two)
      .when((state) => approve(state, { quarantine_id, by: key }))
      .thenRefused('second_person_needed');
    given(two)
      .when((state) => approve(state, { quarantine_id, by: bob }))
      .then(said('QuarantineApproved', bob));
  });

  it('is refused of what is not proposed, or over', () => {
    given()
      .when((state) => approve(state, { quarantine_id, by: ada }))
      .thenRefused('quarantine_not_found');
    for (const over of [said('QuarantineWithdrawn'), said('QuarantineReleased')])
      given(proposed(), over)
        .when((state) => approve(state, { quarantine_id, by: ada }))
        .thenRefused('quarantine_ended');
  });
});

describe('releasing', () => {
  it('brings back what was set aside, once', () => {
    given(proposed(), said('QuarantineApproved'))
      .when((state) => release(state, { quarantine_id, by: bob, note: 'it was ours' }))
      .then({ type: 'QuarantineReleased', data: { quarantine_id, by: bob, note: 'it was ours' } });
    given(proposed(), said('QuarantineApproved'), said('QuarantineReleased'))
      .when((state) => release(state, { quarantine_id, by: bob }))
      .thenNothing();
  });

  it('takes back a proposal', () =>
    given(proposed())
      .when((state) => release(state, { quarantine_id, by: ada }))
      .then(said('QuarantineWithdrawn')));
});
