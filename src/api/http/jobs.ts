import { Type } from 'typebox';
import { JobRefused, type Job } from '../../replay/operations.js';
import { notFound, refuse } from './answers.js';
import { problem } from './problem.js';
import { defineRoute, type Route } from './route.js';
import { closed, open } from './schemas.js';

const JobShape = open(
  {
    id: Type.String(),
    kind: Type.String(),
    state: Type.Enum(['running', 'done', 'failed']),
    share: Type.Number({ description: 'How much is done, from 0 to 1.' }),
    done: Type.Number(),
    unit: Type.Enum(['records', 'bytes']),
    seconds: Type.Number(),
    error: Type.Optional(Type.String()),
  },
  'Job',
);

const projections = defineRoute({
  method: 'GET',
  path: '/_ops/projections',
  summary: 'How each read model stands against the log.',
  tags: ['operations'],
  auth: 'operator',
  responses: {
    200: { description: 'The read models.', schema: open({ projections: Type.Array(open({})) }) },
  },
  handle: async (_request, { operations }) => ({ status: 200, body: await operations.status() }),
});

const log = defineRoute({
  method: 'GET',
  path: '/_ops/log',
  summary: 'What the embedded log holds.',
  tags: ['operations'],
  auth: 'operator',
  responses: {
    200: {
      description: 'The log; null where it is a server’s.',
      schema: open({ log: Type.Union([open({}), Type.Null()]) }),
    },
  },
  handle: async (_request, { operations }) => ({
    status: 200,
    body: { log: (await operations.logStat()) ?? null },
  }),
});

const start = defineRoute({
  method: 'POST',
  path: '/_ops/jobs',
  summary:
    'Starts rebuilding, verifying or retrying read models, verifying or sealing the log, or retention.',
  tags: ['operations'],
  auth: 'operator',
  body: {
    schema: closed({
      kind: Type.Enum(['rebuild', 'verify', 'retry', 'log-verify', 'log-seal', 'retention']),
      projections: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 64 })),
      fresh: Type.Optional(Type.Boolean()),
      dry_run: Type.Optional(Type.Boolean()),
    }),
  },
  responses: { 202: { description: 'Started; follow it by its id.', schema: JobShape } },
  problems: [422],
  handle: (request, { operations }) => {
    const { kind, ...options } = request.body;
    try {
      const job: Job = operations.start(kind, options);
      return Promise.resolve({ status: 202, body: job });
    } catch (error) {
      if (!(error instanceof JobRefused)) throw error;
      return Promise.resolve(refuse(problem(422, 'job_refused', error.message), request));
    }
  },
});

const follow = defineRoute({
  method: 'GET',
  path: '/_ops/jobs/{job_id}',
  summary: 'How far a job is, and what came of it.',
  tags: ['operations'],
  auth: 'operator',
  params: closed({ job_id: Type.String({ maxLength: 64 }) }),
  responses: { 200: { description: 'The job.', schema: JobShape } },
  problems: [404],
  handle: (request, { operations }) => {
    const job = operations.job(request.params.job_id);
    return Promise.resolve(job ? { status: 200, body: job } : notFound(request, 'job'));
  },
});

/**
 * The operator's long work on the running server. None of it writes a record but retention, which fails under the guard;
 * the rest goes on.
 */
export const jobs: readonly Route[] = [projections, log, start, follow];
