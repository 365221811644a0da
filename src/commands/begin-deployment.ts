import { Type } from 'typebox';
import { begin } from '../domain/deployment/deployment.js';
import { deploymentsStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { deploymentsSubject } from './subjects.js';

/** Raises the guard. The same deployment again is answered as the first time. */
export const beginDeployment = defineCommand({
  name: 'begin-deployment',
  input: Type.Object(
    {
      release: Type.String({ minLength: 1, maxLength: 200 }),
      mode: Type.Optional(Type.Enum(['strict', 'allow_ingest'])),
      deployment_id: Type.Optional(PublicId),
    },
    { additionalProperties: false },
  ),
  needs: 'deploy',
  writes: 'deployment',
  run: async ({ release, mode = 'strict', deployment_id }, transaction) => {
    const id = readId('deployment', deployment_id ?? transaction.newId('deployment'));
    if (!id.ok) return id;
    const begun = await transaction.decide(deploymentsStream, deploymentsSubject, (guard) =>
      begin(guard, {
        deployment_id: id.value,
        release,
        mode,
        begun_at: new Date(transaction.now).toISOString(),
      }),
    );
    if (!begun.ok) return begun;
    const { state } = begun.value;
    return done({
      deployment_id: id.value,
      mode: state.mode === 'open' ? mode : state.mode,
      epoch: state.epoch,
    });
  },
});
