import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { DeploymentId, ErasureId, QuarantineId } from '../ids.js';
import type { Actor } from '../provenance.js';
import { heldBy, holdsAll, holdsSome, type QuarantinedRecord } from './held.js';

export type { QuarantinedRecord } from './held.js';

/** What is to be set aside, and why. */
export interface Proposal {
  readonly quarantine_id: QuarantineId;
  readonly reason: string;
  /** The deployment that introduced the records, where they were found by it. */
  readonly deployment_id?: DeploymentId;
  /** The erasure that cuts these events out of the log: they never come back. */
  readonly erasure_id?: ErasureId;
  readonly records: readonly QuarantinedRecord[];
  /** Whoever approves must be a person other than who proposed. */
  readonly two_people?: true;
}

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type QuarantineEvent =
  | { readonly type: 'QuarantineProposed'; readonly data: Proposal & { readonly by: Actor } }
  | { readonly type: 'QuarantineApproved'; readonly data: Act }
  | { readonly type: 'QuarantineReleased'; readonly data: Act }
  | { readonly type: 'QuarantinePartlyReleased'; readonly data: PartialRelease }
  | { readonly type: 'QuarantineWithdrawn'; readonly data: Act };

interface Act {
  readonly quarantine_id: QuarantineId;
  readonly by: Actor;
  readonly note?: string;
}

/** A release of some of a quarantine's records, or of some events of a chunk. */
export interface PartialRelease extends Act {
  readonly records: readonly QuarantinedRecord[];
}

export const quarantineEventTypes = [
  'QuarantineProposed',
  'QuarantineApproved',
  'QuarantineReleased',
  'QuarantinePartlyReleased',
  'QuarantineWithdrawn',
] as const;

/** Whether an event sets something aside, or brings it back. */
export const changesWhatIsSeen = ({ type }: Pick<QuarantineEvent, 'type'>): boolean =>
  type === 'QuarantineApproved' || type === 'QuarantineReleased' || type === 'QuarantinePartlyReleased';

/** `approved`: its records are set aside. `released`: they were, and are back. `withdrawn`: they never were. */
export type QuarantineStatus = 'proposed' | 'approved' | 'released' | 'withdrawn';

export interface Quarantine extends Proposal {
  readonly status: QuarantineStatus;
  readonly proposed_by: Actor;
  /** What came back of it while the rest stayed set aside. */
  readonly released: readonly QuarantinedRecord[];
}

/** All quarantines of a tenant; the same object as long as nothing has changed. */
export type Quarantines = ReadonlyMap<QuarantineId, Quarantine>;

const statusAfter: Readonly<
  Record<
    Exclude<QuarantineEvent['type'], 'QuarantineProposed' | 'QuarantinePartlyReleased'>,
    QuarantineStatus
  >
> = {
  QuarantineApproved: 'approved',
  QuarantineReleased: 'released',
  QuarantineWithdrawn: 'withdrawn',
};

export const quarantineDecider: Decider<Quarantines, QuarantineEvent> = {
  initial: new Map(),
  evolve: (quarantines, event) => {
    const { quarantine_id } = event.data;
    if (event.type === 'QuarantineProposed') {
      const { by, ...proposal } = event.data;
      const begun = { ...proposal, status: 'proposed', proposed_by: by, released: [] } as const;
      return new Map(quarantines).set(quarantine_id, begun);
    }
    const found = quarantines.get(quarantine_id);
    if (!found) return quarantines;
    const after =
      event.type === 'QuarantinePartlyReleased'
        ? { ...found, released: [...found.released, ...event.data.records] }
        : { ...found, status: statusAfter[event.type] };
    return new Map(quarantines).set(quarantine_id, after);
  },
};

/**
 * What sets records aside, what a deployment is made of, what seals the log and what says that telemetry is gone cannot
 * itself be set aside: whoever could would decide what was decided.
 */
export const mayBeSetAside = (type: string): boolean =>
  !/^(?:Quarantine|Deployment|Checkpoint|Telemetry(?!Recorded$))/.test(type);

/** Proposes to set records aside; nothing is until somebody approves. The same proposal twice is the same as once. */
export const propose = (
  quarantines: Quarantines,
  proposal: Proposal,
  by: Actor,
): Decision<QuarantineEvent> => {
  if (quarantines.has(proposal.quarantine_id)) return accept([]);
  if (proposal.records.length === 0)
    return refuse('nothing_to_quarantine', 'No record is named that could be set aside.');
  const fixed = proposal.records.find(({ type }) => !mayBeSetAside(type));
  if (fixed) return refuse('not_quarantinable', `A record of the type ${fixed.type} cannot be set aside.`);
  return accept([{ type: 'QuarantineProposed', data: { ...proposal, by } }]);
};

const notFound = refuse('quarantine_not_found', 'There is no such quarantine.');

const erased = refuse('erased', 'What was erased is not there any more; it cannot be brought back.');

/** Sets a proposal's records aside. Twice is the same as once. */
export const approve = (
  quarantines: Quarantines,
  { quarantine_id, by, note }: Act,
): Decision<QuarantineEvent> => {
  const found = quarantines.get(quarantine_id);
  if (!found) return notFound;
  switch (found.status) {
    case 'approved':
      return accept([]);
    case 'released':
    case 'withdrawn':
      return refuse('quarantine_ended', `The quarantine is ${found.status}; propose a new one.`);
    case 'proposed':
      if (found.two_people && !isSecondPerson(found.proposed_by, by))
        return refuse('second_person_needed', 'A person other than who proposed this has to approve it.');
      return accept([{ type: 'QuarantineApproved', data: actOf(quarantine_id, by, note) }]);
  }
};

/** Brings the records of a quarantine back, or takes back a proposal. Twice is the same as once. */
export const release = (
  quarantines: Quarantines,
  { quarantine_id, by, note }: Act,
): Decision<QuarantineEvent> => {
  const found = quarantines.get(quarantine_id);
  if (!found) return notFound;
  switch (found.status) {
    case 'proposed':
      return accept([{ type: 'QuarantineWithdrawn', data: actOf(quarantine_id, by, note) }]);
    case 'approved':
      if (found.erasure_id !== undefined) return erased;
      return accept([{ type: 'QuarantineReleased', data: actOf(quarantine_id, by, note) }]);
    case 'released':
    case 'withdrawn':
      return accept([]);
  }
};

/**
 * Brings some of a quarantine's records back, or some events of a chunk; the last of them is the whole. Twice is the
 * same as once.
 */
export const releaseSome = (
  quarantines: Quarantines,
  { quarantine_id, by, note, records }: PartialRelease,
): Decision<QuarantineEvent> => {
  const found = quarantines.get(quarantine_id);
  if (!found) return notFound;
  switch (found.status) {
    case 'proposed':
      return refuse(
        'quarantine_not_approved',
        'Nothing of it is set aside yet; it can be taken back as a whole.',
      );
    case 'released':
    case 'withdrawn':
      return accept([]);
    case 'approved': {
      if (found.erasure_id !== undefined) return erased;
      const [all, before] = [heldBy(found.records, []), heldBy(found.records, found.released)];
      if (!records.every((record) => holdsAll(all, record)))
        return refuse('not_in_quarantine', 'The quarantine does not hold all of the records that are named.');
      if (!records.some((record) => holdsSome(before, record))) return accept([]);
      const data = { ...actOf(quarantine_id, by, note), records };
      return heldBy(found.records, [...found.released, ...records]).isEmpty
        ? accept([{ type: 'QuarantineReleased', data: actOf(quarantine_id, by, note) }])
        : accept([{ type: 'QuarantinePartlyReleased', data }]);
    }
  }
};

/** A program's key is no person; the operator is one. */
const isSecondPerson = (proposer: Actor, approver: Actor): boolean =>
  (approver.kind === 'user' || approver.kind === 'operator') &&
  !(approver.kind === proposer.kind && approver.id === proposer.id);

const actOf = (quarantine_id: QuarantineId, by: Actor, note: string | undefined): Act => ({
  quarantine_id,
  by,
  ...(note !== undefined && { note }),
});
