import { describe, expect, it } from '@jest/globals';
import type { QuarantineId } from '../../../src/domain/ids.js';
import type { Actor } from '../../../src/domain/provenance.js';
import {
  approve,
  propose,
  quarantineDecider,
  release,
  releaseSome,
  type Proposal,
  type QuarantinedRecord,
  type QuarantineEvent,
  type Quarantines,
} from '../../../src/domain/quarantine/quarantine.js';
import { setAsideBy } from '../../../src/domain/quarantine/set-aside.js';
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
type Plain = Exclude<QuarantineEvent['type'], 'QuarantineProposed' | 'QuarantinePartlyReleased'>;
const said = (type: Plain, by = ada): QuarantineEvent => ({
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

describe('releasing some of it', () => {
  const place = { stream: 'telemetry-1', type: 'TelemetryRecorded' };
  const run: QuarantinedRecord = {
    ...{ ...place, revision: 2, position: '0000000000000002' },
    through: { revision: 5, position: '0000000000000005' },
  };
  const one = (revision: number, more: Partial<QuarantinedRecord> = {}): QuarantinedRecord => ({
    ...{ ...place, revision, position: `000000000000000${revision}`, ...more },
  });
  const some: QuarantinedRecord = one(9, { indexes: [[0, 3]], count: 10 });
  const approved = [proposed({ records: [run, some] }), said('QuarantineApproved')] as const;
  const back = (...records: readonly QuarantinedRecord[]): QuarantineEvent => ({
    type: 'QuarantinePartlyReleased',
    data: { quarantine_id, by: ada, records },
  });
  const releasing =
    (...records: readonly QuarantinedRecord[]) =>
    (state: Quarantines) =>
      releaseSome(state, { quarantine_id, by: ada, records });
  const asideAfter = (...events: readonly QuarantineEvent[]): readonly unknown[] => {
    const aside = setAsideBy(events.reduce(quarantineDecider.evolve, quarantineDecider.initial));
    return [1, 2, 3, 4, 5, 6, 9].map((revision) => {
      const found = aside.at({ stream: 'telemetry-1', revision });
      return found instanceof Set ? [...found] : found;
    });
  };

  it('is recorded with what came back, once', () => {
    given(...approved)
      .when(releasing(one(3)))
      .then(back(one(3)));
    given(...approved, back(one(3)))
      .when(releasing(one(3)))
      .thenNothing();
  });

  it('brings back records out of a run, and events of a chunk, and nothing else', () => {
    const all = 'all';
    const none = undefined;
    expect(asideAfter(...approved)).toEqual([none, all, all, all, all, none, [0, 1, 2, 3]]);
    expect(asideAfter(...approved, back(one(3)))).toEqual([none, all, none, all, all, none, [0, 1, 2, 3]]);
    const events = one(4, { indexes: [[1, 1]], count: 3 });
    expect(asideAfter(...approved, back(events))).toEqual([none, all, all, [0, 2], all, none, [0, 1, 2, 3]]);
    const less = one(9, { indexes: [[1, 2]], count: 10 });
    expect(asideAfter(...approved, back(less))).toEqual([none, all, all, all, all, none, [0, 3]]);
  });

  it('of the last of it is a release', () => {
    given(...approved, back(run))
      .when(releasing(some))
      .then(said('QuarantineReleased'));
    given(...approved)
      .when(releasing(run, one(9)))
      .thenRefused('not_in_quarantine');
  });

  it('is refused for what it does not hold, or before it is approved', () => {
    for (const record of [one(1), one(6), one(9, { indexes: [[3, 4]], count: 10 })])
      given(...approved)
        .when(releasing(record))
        .thenRefused('not_in_quarantine');
    given(approved[0])
      .when(releasing(one(3)))
      .thenRefused('quarantine_not_approved');
    given(...approved, said('QuarantineReleased'))
      .when(releasing(one(3)))
      .thenNothing();
  });
});
