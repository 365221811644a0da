import { accept, type Decider, type Decision } from '../decider.js';
import type { TenantId, UserId } from '../ids.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
/** Somebody decided that a person is to be erased: from then on that person's key has to go. Says nothing of the person. */
export interface PersonErased {
  readonly type: 'PersonErased';
  readonly data: { readonly person_id: UserId; readonly tenant_id: TenantId; readonly reason: string };
}

export const erasedPeopleEventTypes = ['PersonErased'] as const;

/** Who was erased, the last first. */
export type ErasedPeople =
  { readonly erased: PersonErased['data']; readonly before: ErasedPeople } | undefined;

export const erasedPeopleDecider: Decider<ErasedPeople, PersonErased> = {
  initial: undefined,
  evolve: (before, { data }) => ({ erased: data, before }),
};

/** All of them, the last first. */
export const erasedPeople = (erasures: ErasedPeople): readonly PersonErased['data'][] => {
  const people: PersonErased['data'][] = [];
  for (let each = erasures; each; each = each.before) people.push(each.erased);
  return people;
};

/** Erases a person; once is for good. */
export const erasePerson = (erasures: ErasedPeople, erased: PersonErased['data']): Decision<PersonErased> =>
  accept(
    erasedPeople(erasures).some(({ person_id }) => person_id === erased.person_id)
      ? []
      : [{ type: 'PersonErased', data: erased }],
  );
