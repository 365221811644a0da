import { Type } from 'typebox';
import { Override } from '../../commands/override-deployment.js';
import type { Step } from '../../commands/command.js';
import type { DeploymentStatus } from '../../deployments/deployments.js';
import { deploymentPage } from '../../deployments/page.js';
import { answer, notFound, refuse } from './answers.js';
import type { ApiRequest, ApiResponse } from './message.js';
import { ofRefusal } from './problem.js';
import { defineRoute, type Route } from './route.js';
import { closed, open, Position } from './schemas.js';

const Mode = Type.Enum(['strict', 'allow_ingest']);
const Id = Type.String({ maxLength: 64 });
const Root = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'The root before the deployment, as its status said then: held against what the log says now.',
});
const headers = { 'X-PulseStream-Position': 'The log position that this reached.' };

const Status = open(
  {
    mode: Type.Enum(['open', 'strict', 'allow_ingest']),
    epoch: Type.Integer(),
    phase: Type.Enum([
      'none',
      'begun',
      'preparing',
      'ready',
      'verifying',
      'rolling_back',
      'verified',
      'rejected',
      'interrupted',
    ]),
    deployment_id: Type.Optional(Type.String()),
    release: Type.Optional(Type.String()),
    begun_at: Type.Optional(Type.String()),
    progress: Type.Optional(open({ step: Type.String(), share: Type.Number() })),
    error: Type.Optional(Type.String()),
    before: Type.Optional(open({ position: Position, records: Type.Integer(), root: Type.String() })),
    backup: Type.Optional(open({ kind: Type.String() })),
    verified: Type.Optional(
      open({ passed: Type.Boolean(), findings: Type.Array(open({})), finding_count: Type.Integer() }),
    ),
    last: Type.Optional(open({ deployment_id: Type.String(), outcome: Type.String() })),
  },
  'DeploymentStatus',
);

const begin = defineRoute({
  method: 'POST',
  path: '/_deploy/begin',
  summary:
    'Raises the deployment guard where everything is well; then backs up and measures, as the status tells.',
  tags: ['deployment'],
  auth: 'operator',
  idempotent: true,
  body: {
    schema: closed({
      release: Type.String({ minLength: 1, maxLength: 200 }),
      mode: Type.Optional(Mode),
      deployment_id: Type.Optional(Id),
    }),
  },
  problems: [409],
  responses: {
    200: {
      description: 'The guard is up.',
      schema: open({ deployment_id: Type.String(), mode: Mode, epoch: Type.Integer(), position: Position }),
      headers,
    },
  },
  async handle(request, api) {
    const result = await api.deployments.begin(request.body, request.context);
    return answer(result, request, api, { status: 200, body: (begun) => begun });
  },
});

const status = defineRoute({
  method: 'GET',
  path: '/_deploy/status',
  summary: 'Whether a deployment is under way, how far it is, and how the last one ended.',
  tags: ['deployment'],
  auth: 'operator',
  responses: { 200: { description: 'The guard and the deployment.', schema: Status } },
  handle: async (_request, { deployments }) => ({ status: 200, body: await deployments.status() }),
});

const started = (result: Step<DeploymentStatus>, request: ApiRequest): ApiResponse =>
  result.ok ? { status: 202, body: result.value } : refuse(ofRefusal(result.refusal), request);

const verify = defineRoute({
  method: 'POST',
  path: '/_deploy/verify',
  summary: 'Holds log, read models and health against what was before, as the status then tells.',
  tags: ['deployment'],
  auth: 'operator',
  body: { schema: closed({ deployment_id: Id, root: Type.Optional(Root) }) },
  problems: [404, 409],
  responses: { 202: { description: 'It is being verified.', schema: Status } },
  async handle(request, { deployments }) {
    const { deployment_id, root } = request.body;
    return started(await deployments.verify(deployment_id, request.context, root), request);
  },
});

const complete = defineRoute({
  method: 'POST',
  path: '/_deploy/complete',
  summary: 'Lowers the guard after a passed verification, or on the word of a person who says why.',
  tags: ['deployment'],
  auth: 'operator',
  idempotent: true,
  body: { schema: closed({ deployment_id: Id, override: Type.Optional(Override) }) },
  responses: { 200: { description: 'The guard is down.', schema: open({ position: Position }), headers } },
  async handle(request, api) {
    const { deployment_id, override } = request.body;
    const result = override
      ? await api.deployments.override(deployment_id, override, request.context)
      : await api.deployments.complete(deployment_id, request.context);
    return answer(result, request, api, { status: 200, body: () => ({}) });
  },
});

const rollBack = defineRoute({
  method: 'POST',
  path: '/_deploy/rollback',
  summary: 'Sets aside what the deployment introduced, verifies that all is as before, and lowers the guard.',
  tags: ['deployment'],
  auth: 'operator',
  body: {
    schema: closed({
      deployment_id: Id,
      reason: Type.String({ minLength: 1, maxLength: 1000 }),
      root: Type.Optional(Root),
    }),
  },
  problems: [404, 409],
  responses: { 202: { description: 'It is being rolled back.', schema: Status } },
  async handle(request, { deployments }) {
    const { deployment_id, reason, root } = request.body;
    return started(await deployments.rollBack(deployment_id, reason, request.context, root), request);
  },
});

const report = defineRoute({
  method: 'GET',
  path: '/_deploy/{deployment_id}/report',
  summary: 'What the log says of a deployment, as JSON or as a page to print.',
  tags: ['deployment'],
  auth: 'operator',
  params: closed({ deployment_id: Id }),
  query: closed({ format: Type.Optional(Type.Enum(['json', 'html'])) }),
  problems: [404],
  responses: {
    200: {
      description: 'The report; `format=html` is a page.',
      schema: open({ deployment_id: Type.String(), release: Type.String() }),
    },
  },
  async handle(request, { deployments, clock }) {
    const history = await deployments.history(request.params.deployment_id);
    if (!history) return notFound(request, 'deployment');
    if (request.query.format !== 'html') return { status: 200, body: history };
    const page = deploymentPage(history, new Date(clock.now()).toISOString());
    return { status: 200, content_type: 'text/html; charset=utf-8', body: page };
  },
});

/** Authenticated by the operator token, never by a tenant; open while the guard is up. */
export const deployment: readonly Route[] = [begin, status, verify, complete, rollBack, report];
