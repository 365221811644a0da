import { Type } from 'typebox';
import { verify } from '../domain/deployment/deployment.js';
import type { Finding } from '../domain/deployment/verification.js';
import { deploymentsStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { deploymentsSubject } from './subjects.js';

/** Keeps what verifying a deployment came to; made by this server, never taken from a request. */
export const verifyDeployment = defineCommand({
  name: 'verify-deployment',
  input: Type.Object(
    {
      deployment_id: PublicId,
      position: Type.String(),
      findings: Type.Array(Type.Unsafe<Finding>(Type.Object({}))),
    },
    { additionalProperties: false },
  ),
  needs: 'deploy',
  writes: 'deployment',
  run: async ({ deployment_id, position, findings }, transaction) => {
    const id = readId('deployment', deployment_id);
    if (!id.ok) return id;
    const verified = await transaction.decide(deploymentsStream, deploymentsSubject, (state) =>
      verify(state, id.value, { position, findings }),
    );
    return verified.ok ? done({ passed: findings.length === 0 }) : verified;
  },
});
