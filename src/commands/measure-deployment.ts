import { Type } from 'typebox';
import { measure, type BackupNote } from '../domain/deployment/deployment.js';
import type { Fingerprint } from '../domain/deployment/verification.js';
import { deploymentsStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { deploymentsSubject } from './subjects.js';

/** Keeps how everything stood before a deployment; made by this server, never taken from a request. */
export const measureDeployment = defineCommand({
  name: 'measure-deployment',
  input: Type.Object(
    {
      deployment_id: PublicId,
      before: Type.Unsafe<Fingerprint>(Type.Object({})),
      backup: Type.Unsafe<BackupNote>(Type.Object({})),
    },
    { additionalProperties: false },
  ),
  needs: 'deploy',
  writes: 'deployment',
  run: async ({ deployment_id, before, backup }, transaction) => {
    const id = readId('deployment', deployment_id);
    if (!id.ok) return id;
    const measured = await transaction.decide(deploymentsStream, deploymentsSubject, (state) =>
      measure(state, id.value, { before, backup }),
    );
    return measured.ok ? done({}) : measured;
  },
});
