import { Type } from 'typebox';
import { override } from '../domain/deployment/deployment.js';
import { deploymentsStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { deploymentsSubject } from './subjects.js';

/** Who takes it upon them to lower the guard, and why. */
export const Override = Type.Object(
  {
    by: Type.String({ minLength: 1, maxLength: 200, description: 'The person’s name.' }),
    reason: Type.String({ minLength: 1, maxLength: 1000 }),
  },
  { additionalProperties: false },
);

/** Lowers the guard on a person's word, without a passed verification. */
export const overrideDeployment = defineCommand({
  name: 'override-deployment',
  input: Type.Object({ deployment_id: PublicId, override: Override }, { additionalProperties: false }),
  needs: 'deploy',
  writes: 'deployment',
  run: async (input, transaction) => {
    const id = readId('deployment', input.deployment_id);
    if (!id.ok) return id;
    const overridden = await transaction.decide(deploymentsStream, deploymentsSubject, (state) =>
      override(state, id.value, input.override),
    );
    return overridden.ok
      ? done({ deployment_id: id.value, epoch: overridden.value.state.epoch })
      : overridden;
  },
});
