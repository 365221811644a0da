import { Type } from 'typebox';
import { acknowledgeAlert } from '../../../commands/acknowledge-alert.js';
import { changeRule } from '../../../commands/change-rule.js';
import { defineRule } from '../../../commands/define-rule.js';
import { deleteRule } from '../../../commands/delete-rule.js';
import { escalateAlert } from '../../../commands/escalate-alert.js';
import { resolveAlert } from '../../../commands/resolve-alert.js';
import { RuleDefinition } from '../../../domain/alerting/rule.js';
import { alertSummary } from '../../../projections/alert-summary/projection.js';
import { alerts } from '../../../projections/alerts/projection.js';
import { getAlert, listAlerts } from '../../../projections/alerts/query.js';
import { rules } from '../../../projections/rules/projection.js';
import { getRule, listRules } from '../../../projections/rules/query.js';
import { answer, found, listing, notFound, refuse, tenantOf } from '../answers.js';
import { etag } from '../context.js';
import { defineRoute, type Route } from '../route.js';
import { closed, open, page, Position } from '../schemas.js';
import { mapRange, range, readRange } from '../times.js';
import { Alert, Alerts, AlertState, Done, Rule, Rules, Severity } from './shapes.js';

const headers = { 'X-PulseStream-Position': 'The log position that this reached.' };
const versioned = { ...headers, ETag: 'The version: "v7".' };
const ruleParams = closed({ rule_id: Type.String({ maxLength: 64 }) });
const alertParams = closed({ alert_id: Type.String({ maxLength: 64 }) });

const ruleList = defineRoute({
  method: 'GET',
  path: '/api/v1/alerting/rules',
  summary: 'The alert rules.',
  tags: ['alerting'],
  auth: 'alerting:read',
  reads: [rules],
  query: closed({ ...page }),
  responses: { 200: { description: 'A page of them, in the order of their making.', schema: Rules } },
  handle: (request, { models }) => listing(request, (paging) => listRules(models, tenantOf(request), paging)),
});

const ruleDefine = defineRoute({
  method: 'POST',
  path: '/api/v1/alerting/rules',
  summary: 'Defines an alert rule.',
  tags: ['alerting'],
  auth: 'alerting:write',
  idempotent: true,
  body: { schema: RuleDefinition },
  responses: {
    201: { description: 'Defined.', schema: Rule, headers: { ...versioned, Location: 'Of the rule.' } },
  },
  async handle(request, api) {
    const result = await api.pipeline.execute(defineRule, request.body, request.context);
    return answer(result, request, api, {
      status: 201,
      awaits: [rules],
      body: ({ rule }) => rule,
      headers: ({ rule }) => ({
        ETag: etag(rule.version),
        Location: `/api/v1/alerting/rules/${rule.id}`,
      }),
    });
  },
});

const ruleGet = defineRoute({
  method: 'GET',
  path: '/api/v1/alerting/rules/{rule_id}',
  summary: 'One alert rule.',
  tags: ['alerting'],
  auth: 'alerting:read',
  reads: [rules],
  params: ruleParams,
  responses: { 200: { description: 'The rule.', schema: Rule, headers: { ETag: versioned.ETag } } },
  async handle(request, { models }) {
    const rule = await getRule(models, tenantOf(request), request.params.rule_id);
    return rule ? found(rule, { ETag: etag(rule.version) }) : notFound(request, 'rule');
  },
});

const ruleChange = defineRoute({
  method: 'PUT',
  path: '/api/v1/alerting/rules/{rule_id}',
  summary: 'Replaces a rule’s definition; also how it is enabled and disabled.',
  tags: ['alerting'],
  auth: 'alerting:write',
  conditional: true,
  params: ruleParams,
  body: { schema: RuleDefinition },
  responses: { 200: { description: 'Changed.', schema: Rule, headers: versioned } },
  async handle(request, api) {
    const { rule_id } = request.params;
    const result = await api.pipeline.execute(
      changeRule,
      { rule_id, definition: request.body },
      request.context,
    );
    return answer(result, request, api, {
      status: 200,
      awaits: [rules],
      body: ({ rule }) => rule,
      headers: ({ rule }) => ({ ETag: etag(rule.version) }),
    });
  },
});

const ruleDelete = defineRoute({
  method: 'DELETE',
  path: '/api/v1/alerting/rules/{rule_id}',
  summary: 'Deletes a rule; its open alerts are resolved by the next evaluation.',
  tags: ['alerting'],
  auth: 'alerting:write',
  conditional: true,
  params: ruleParams,
  problems: [503, 507],
  responses: { 200: { description: 'Deleted.', schema: Done, headers } },
  async handle(request, api) {
    const { rule_id } = request.params;
    const result = await api.pipeline.execute(deleteRule, { rule_id }, request.context);
    return answer(result, request, api, { status: 200, awaits: [rules], body: () => ({}) });
  },
});

const alertList = defineRoute({
  method: 'GET',
  path: '/api/v1/alerting/alerts',
  summary: 'Alerts, the newest first.',
  tags: ['alerting'],
  auth: 'alerting:read',
  reads: [alerts],
  query: closed({
    ...page,
    state: Type.Optional(AlertState),
    severity: Type.Optional(Severity),
    rule_id: Type.Optional(Type.String({ maxLength: 64 })),
    ...range,
  }),
  responses: { 200: { description: 'A page of them.', schema: Alerts } },
  handle(request, { models }) {
    const times = readRange(request.query);
    if (!times.ok) return Promise.resolve(refuse(times.problem, request));
    const { state, severity, rule_id } = request.query;
    const filter = {
      ...(state !== undefined && { state }),
      ...(severity !== undefined && { severity }),
      ...(rule_id !== undefined && { rule_id }),
      ...mapRange(times.range, (time) => new Date(time).toISOString()),
    };
    return listing(request, (paging) => listAlerts(models, tenantOf(request), { ...filter, ...paging }));
  },
});

const alertGet = defineRoute({
  method: 'GET',
  path: '/api/v1/alerting/alerts/{alert_id}',
  summary: 'One alert, with everything that happened to it.',
  tags: ['alerting'],
  auth: 'alerting:read',
  reads: [alerts],
  params: alertParams,
  responses: { 200: { description: 'The alert.', schema: Alert } },
  async handle(request, { models }) {
    const alert = await getAlert(models, tenantOf(request), request.params.alert_id);
    return alert ? found(alert) : notFound(request, 'alert');
  },
});

const Note = closed({ note: Type.Optional(Type.String({ maxLength: 4096 })) });

const alertAction = (
  action: 'acknowledge' | 'resolve' | 'escalate',
  summary: string,
  command: typeof acknowledgeAlert,
): Route =>
  defineRoute({
    method: 'POST',
    path: `/api/v1/alerting/alerts/{alert_id}/${action}`,
    summary,
    tags: ['alerting'],
    auth: 'alerting:write',
    idempotent: true,
    params: alertParams,
    body: { schema: Note, optional: true },
    responses: {
      200: {
        description: 'Done, or done before.',
        schema: open({
          alert: open({ id: Type.String(), state: AlertState, version: Type.Integer({ minimum: 0 }) }),
          position: Position,
        }),
        headers,
      },
    },
    async handle(request, api) {
      const { alert_id } = request.params;
      const result = await api.pipeline.execute(command, { alert_id, ...request.body }, request.context);
      return answer(result, request, api, {
        status: 200,
        awaits: [alerts, alertSummary],
        body: (done) => done,
      });
    },
  });

export const alerting: readonly Route[] = [
  ruleList,
  ruleDefine,
  ruleGet,
  ruleChange,
  ruleDelete,
  alertList,
  alertGet,
  alertAction('acknowledge', 'Says that somebody takes care of a firing alert.', acknowledgeAlert),
  alertAction('resolve', 'Ends an alert by hand.', resolveAlert),
  alertAction('escalate', 'Hands an alert to the next in line.', escalateAlert),
];
