import { Type } from 'typebox';
import { removeLegitimacyRule } from '../../../../commands/remove-legitimacy-rule.js';
import { setLegitimacyRule } from '../../../../commands/set-legitimacy-rule.js';
import {
  legitimacyDecider,
  legitimacyEventTypes,
  LegitimacyWish,
  MAX_RULES,
  RuleName,
  type LegitimacyEvent,
} from '../../../../domain/detection/legitimacy/rules.js';
import { readEvent } from '../../../../domain/stored-event.js';
import { legitimacyStream } from '../../../../domain/streams.js';
import type { StreamName } from '../../../../eventstore/event-store.js';
import { answer, found, notFound } from '../../answers.js';
import { etag } from '../../context.js';
import { defineRoute, type Route } from '../../route.js';
import { closed, open, Position } from '../../schemas.js';
import { auditedTenant, TenantParameter } from './quarantine.js';

const ETag = { ETag: 'The version of all of the tenant’s rules: "v7".' };
const headers = { ...ETag, 'X-PulseStream-Position': 'The log position that this reached.' };
const Version = Type.Integer({ minimum: 0, description: 'Of all of them: what If-Match is held against.' });
const params = closed({ name: RuleName });
const query = closed({ tenant_id: TenantParameter });
const { verdict, condition, note } = LegitimacyWish.properties;
const rule = { name: RuleName, verdict, condition, note };

const list = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/legitimacy-rules',
  summary: 'The rules by which a tenant says which of its records are legitimate, and which are not.',
  tags: ['audit'],
  auth: 'audit:read',
  operator: true,
  query,
  problems: [404],
  responses: {
    200: {
      description: 'By name.',
      schema: open({ data: Type.Array(open(rule)), version: Version, position: Position }),
      headers: ETag,
    },
  },
  async handle(request, { visible_log }) {
    const tenant = auditedTenant(request, request.query.tenant_id);
    if (!tenant) return notFound(request, 'tenant');
    const position = await visible_log.head();
    let rules = legitimacyDecider.initial;
    let version = 0;
    for await (const record of visible_log.readStream(legitimacyStream(tenant) as StreamName)) {
      const event = readEvent<LegitimacyEvent>(legitimacyEventTypes, record);
      if (event) rules = legitimacyDecider.evolve(rules, event);
      version = record.revision + 1;
    }
    const data = [...rules.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
    return found({ data, version, position } as { readonly position: string }, { ETag: etag(version) });
  },
});

const put = defineRoute({
  method: 'PUT',
  path: '/api/v2/audit/legitimacy-rules/{name}',
  summary: 'Says by a rule which records are legitimate, or are not.',
  description:
    `In place of the rule of that name, where there is one; at most ${MAX_RULES} rules. They count for deployments that ` +
    'begin from then on: none can declare legitimate what it writes itself. Of telemetry, each event is judged: a ' +
    'record is illegitimate where one of its events is, and legitimate where all are. Where rules contradict each ' +
    'other, the record is illegitimate.',
  tags: ['audit'],
  auth: 'quarantine',
  operator: true,
  conditional: true,
  params,
  query,
  body: { schema: LegitimacyWish },
  problems: [404, 409, 422],
  responses: {
    200: {
      description: 'It holds.',
      schema: open({ ...rule, version: Version, position: Position }),
      headers,
    },
  },
  async handle(request, api) {
    const input = { ...request.query, name: request.params.name, rule: request.body };
    const result = await api.pipeline.execute(setLegitimacyRule, input, request.context);
    return answer(result, request, api, {
      status: 200,
      body: (set) => set,
      headers: ({ version }) => ({ ETag: etag(version) }),
    });
  },
});

const remove = defineRoute({
  method: 'DELETE',
  path: '/api/v2/audit/legitimacy-rules/{name}',
  summary: 'Removes a rule; deployments that have begun are judged by it all the same.',
  tags: ['audit'],
  auth: 'quarantine',
  operator: true,
  conditional: true,
  params,
  query,
  problems: [404, 422, 503, 507],
  responses: {
    200: {
      description: 'Removed.',
      schema: open({ name: RuleName, version: Version, position: Position }),
      headers,
    },
  },
  async handle(request, api) {
    const input = { ...request.query, name: request.params.name };
    const result = await api.pipeline.execute(removeLegitimacyRule, input, request.context);
    return answer(result, request, api, {
      status: 200,
      body: (removed) => removed,
      headers: ({ version }) => ({ ETag: etag(version) }),
    });
  },
});

export const auditLegitimacy: readonly Route[] = [list, put, remove];
