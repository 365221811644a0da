import { Type } from 'typebox';
import { erasedPeopleStream, userStream } from '../domain/streams.js';
import { mayGrant } from '../domain/tenancy/access.js';
import { erasePerson as erase } from '../domain/tenancy/erased-people.js';
import { defineCommand, done, refused } from './command.js';
import { PublicId, readId } from './public-id.js';
import { actingFor } from './quarantine/acting-for.js';
import { erasedPeopleSubject, userSubject } from './subjects.js';

/** Why a person is erased. It stands in the log for good. */
export const Erasure = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: 2000,
      description: 'Stands in the log for good: name nobody in it.',
    }),
    tenant_id: Type.Optional(
      Type.String({ maxLength: 64, description: 'For the operator: whose person is meant.' }),
    ),
  },
  { additionalProperties: false },
);

/**
 * Erases a person: records that it is to be done, then destroys their key. Repeating it finishes what was interrupted,
 * and so does a start.
 */
export const erasePerson = defineCommand({
  name: 'erase-person',
  input: Type.Object({ person_id: PublicId, ...Erasure.properties }, { additionalProperties: false }),
  needs: 'erase',
  writes: 'domain',
  run: async ({ person_id, tenant_id, reason }, transaction, context) => {
    const tenant = actingFor(tenant_id, context, transaction);
    if (!tenant.ok) return tenant;
    const id = readId('user', person_id, 'person');
    if (!id.ok) return id;
    const { state: user } = await transaction.load(userStream(id.value), userSubject);
    if (user.state === 'none') return refused('not_found', 'person_not_found', 'There is no such person.');
    const { actor, role = 'admin' } = context.principal;
    if (actor.kind !== 'operator' && !mayGrant(role, user.role))
      return refused('forbidden', 'role_not_erasable', 'Nobody can erase a person with a higher role.');

    const erased = { person_id: id.value, tenant_id: tenant.value, reason };
    const decided = await transaction.decide(erasedPeopleStream, erasedPeopleSubject, (erasures) =>
      erase(erasures, erased),
    );
    if (!decided.ok) return decided;
    await transaction.services.eraser.carryOut();
    return done({ person_id: id.value, tenant_id: tenant.value });
  },
});
