import { Type } from 'typebox';
import { ISSUE_KEPT_MS, MAX_ISSUES } from '../../../domain/telemetry/ingest-issue.js';
import { tenantOf } from '../answers.js';
import { defineRoute, type Route } from '../route.js';
import { open, Time } from '../schemas.js';

const IngestIssue = open(
  {
    outcome: Type.Enum(['refused', 'rejected', 'duplicate', 'ignored'], {
      description: 'refused: requests as a whole. The others count events.',
    }),
    code: Type.String({ description: 'The reason; other: of those that are not kept apart.' }),
    pointer: Type.String({ description: 'JSON pointer into the event.' }),
    actor: open({ kind: Type.String(), id: Type.String() }),
    count: Type.Integer({ minimum: 1 }),
    first_seen: Time,
    last_seen: Time,
    example: open({
      request_id: Type.String(),
      detail: Type.String(),
      event_id: Type.Optional(Type.String({ description: 'The client’s own id of the event.' })),
    }),
  },
  'IngestIssue',
);

const issues = defineRoute({
  method: 'GET',
  path: '/api/v2/ingestion/issues',
  summary: 'What became of events other than being stored: by reason, the one last seen first.',
  description:
    `Up to ${MAX_ISSUES} reasons; what was not seen for ${ISSUE_KEPT_MS / 86_400_000} days is left out. ` +
    'Texts that look like secrets are masked.',
  tags: ['ingestion'],
  auth: 'telemetry:read',
  responses: { 200: { description: 'The issues.', schema: open({ data: Type.Array(IngestIssue) }) } },
  async handle(request, api) {
    const found = await api.issues.of(tenantOf(request));
    const time = (at: number): string => new Date(at).toISOString();
    const data = found.map((issue) => ({
      ...issue,
      first_seen: time(issue.first_seen),
      last_seen: time(issue.last_seen),
    }));
    return { status: 200, body: { data } };
  },
});

export const ingestionV2: readonly Route[] = [issues];
