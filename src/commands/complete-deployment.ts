import { Type } from 'typebox';
import { complete } from '../domain/deployment/deployment.js';
import { deploymentsStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { deploymentsSubject } from './subjects.js';

/** Lowers the guard after a passed verification. */
export const completeDeployment = defineCommand({
  name: 'complete-deployment',
  input: Type.Object({ deployment_id: PublicId }, { additionalProperties: false }),
  needs: 'deploy',
  writes: 'deployment',
  run: async ({ deployment_id }, transaction) => {
    const id = readId('deployment', deployment_id);
    if (!id.ok) return id;
    const completed = await transaction.decide(deploymentsStream, deploymentsSubject, (guard) =>
      complete(guard, id.value),
    );
    return completed.ok ? done({ deployment_id: id.value, epoch: completed.value.state.epoch }) : completed;
  },
});
