import { Type } from 'typebox';
import { beginDeployment } from '../../commands/begin-deployment.js';
import { completeDeployment } from '../../commands/complete-deployment.js';
import { answer } from './answers.js';
import { defineRoute, type Route } from './route.js';
import { closed, open, Position } from './schemas.js';

const Mode = Type.Enum(['strict', 'allow_ingest']);
const headers = { 'X-PulseStream-Position': 'The log position that this reached.' };

const begin = defineRoute({
  method: 'POST',
  path: '/_deploy/begin',
  summary: 'Raises the deployment guard: nothing is written until the deployment is completed.',
  tags: ['deployment'],
  auth: 'operator',
  idempotent: true,
  body: {
    schema: closed({
      release: Type.String({ minLength: 1, maxLength: 200 }),
      mode: Type.Optional(Mode),
      deployment_id: Type.Optional(Type.String({ maxLength: 64 })),
    }),
  },
  responses: {
    200: {
      description: 'The guard is up.',
      schema: open({ deployment_id: Type.String(), mode: Mode, epoch: Type.Integer(), position: Position }),
      headers,
    },
  },
  async handle(request, api) {
    const result = await api.pipeline.execute(beginDeployment, request.body, request.context);
    return answer(result, request, api, { status: 200, body: (begun) => begun });
  },
});

const status = defineRoute({
  method: 'GET',
  path: '/_deploy/status',
  summary: 'Whether a deployment is under way.',
  tags: ['deployment'],
  auth: 'operator',
  responses: {
    200: {
      description: 'The guard’s state.',
      schema: open({
        mode: Type.Enum(['open', 'strict', 'allow_ingest']),
        epoch: Type.Integer(),
        deployment_id: Type.Optional(Type.String()),
        release: Type.Optional(Type.String()),
      }),
    },
  },
  handle: (_request, { guard }) => Promise.resolve({ status: 200, body: guard.state }),
});

const complete = defineRoute({
  method: 'POST',
  path: '/_deploy/complete',
  summary: 'Lowers the deployment guard.',
  tags: ['deployment'],
  auth: 'operator',
  idempotent: true,
  body: { schema: closed({ deployment_id: Type.String({ maxLength: 64 }) }) },
  responses: { 200: { description: 'The guard is down.', schema: open({ position: Position }), headers } },
  async handle(request, api) {
    const result = await api.pipeline.execute(completeDeployment, request.body, request.context);
    return answer(result, request, api, { status: 200, body: () => ({}) });
  },
});

/** Authenticated by the operator token, never by a tenant; open while the guard is up. */
export const deployment: readonly Route[] = [begin, status, complete];
