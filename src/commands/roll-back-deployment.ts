import { Type } from 'typebox';
import { rollBack } from '../domain/deployment/deployment.js';
import { deploymentsStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { deploymentsSubject } from './subjects.js';

/** Lowers the guard after a deployment that was undone, once it was verified that everything is as before. */
export const rollBackDeployment = defineCommand({
  name: 'roll-back-deployment',
  input: Type.Object(
    { deployment_id: PublicId, reason: Type.String({ minLength: 1, maxLength: 1000 }) },
    { additionalProperties: false },
  ),
  needs: 'deploy',
  writes: 'deployment',
  run: async ({ deployment_id, reason }, transaction) => {
    const id = readId('deployment', deployment_id);
    if (!id.ok) return id;
    const rolledBack = await transaction.decide(deploymentsStream, deploymentsSubject, (state) =>
      rollBack(state, id.value, reason),
    );
    return rolledBack.ok
      ? done({ deployment_id: id.value, epoch: rolledBack.value.state.epoch })
      : rolledBack;
  },
});
