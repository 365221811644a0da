import { describe, expect, it } from '@jest/globals';
import type { TenantId, UserId } from '../../../src/domain/ids.js';
import { ERASED } from '../../../src/domain/personal.js';
import {
  erasedPeople,
  erasedPeopleDecider,
  erasePerson,
  type PersonErased,
} from '../../../src/domain/tenancy/erased-people.js';
import { registerUser, userDecider, type UserEvent } from '../../../src/domain/tenancy/user.js';
import { given } from '../../support/given.js';

const erased = (person: string): PersonErased => ({
  type: 'PersonErased',
  data: { person_id: person as UserId, tenant_id: 'ten_1' as TenantId, reason: 'asked for' },
});
const ada = erased('usr_ada');
const bob = erased('usr_bob');

describe('erasing a person', () => {
  it('is recorded', () => {
    given(erasedPeopleDecider)()
      .when((people) => erasePerson(people, ada.data))
      .then(ada);
  });

  it('is recorded once', () => {
    given(erasedPeopleDecider)(ada, bob)
      .when((people) => erasePerson(people, ada.data))
      .thenNothing();
  });

  it('erases nobody else', () => {
    given(erasedPeopleDecider)(ada)
      .when((people) => erasePerson(people, bob.data))
      .then(bob);
  });

  it('says who was erased, the last first', () => {
    const state = [ada, bob].reduce(erasedPeopleDecider.evolve, erasedPeopleDecider.initial);
    expect(erasedPeople(state)).toEqual([bob.data, ada.data]);
  });
});

describe('a person who was erased', () => {
  const registration = {
    ...{ user_id: 'usr_ada' as UserId, tenant_id: 'ten_1' as TenantId },
    ...{ email: 'ada@example.com', role: 'admin' as const },
  };
  const registered = (email: string): UserEvent => ({
    type: 'UserRegistered',
    data: { ...registration, email },
  });

  it('has a place in the tenant and nothing to sign in with', () => {
    const events: UserEvent[] = [registered(ERASED), { type: 'PasswordSet', data: { hash: ERASED } }];
    const user = events.reduce(userDecider.evolve, userDecider.initial);
    const { user_id, tenant_id, role } = registration;
    expect(user).toEqual({ state: 'erased', user_id, tenant_id, role });
  });

  it('is not registered again under the same id', () => {
    given(userDecider)(registered(ERASED))
      .when((user) => registerUser(user, registration, 'a hash'))
      .thenRefused('user_exists');
  });
});
