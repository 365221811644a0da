import { Type, type Static } from 'typebox';
import { takeTransition, type AlertTransition } from '../domain/alerting/alert.js';
import { metrics, operators, severities } from '../domain/alerting/rule.js';
import type { AlertId, RuleId } from '../domain/ids.js';
import { alertStream } from '../domain/streams.js';
import { uuidFrom } from '../platform/uuid.js';
import { defineCommand, done, refused } from './command.js';
import { alertSubject } from './subjects.js';

const closed = { additionalProperties: false } as const;
const Time = Type.String({ maxLength: 40 });

const Facts = Type.Object(
  {
    alert_id: Type.Unsafe<AlertId>(Type.String({ pattern: '^alr_[0-9a-f]{32}$' })),
    rule_id: Type.Unsafe<RuleId>(Type.String({ pattern: '^rul_[0-9a-f]{32}$' })),
    rule_name: Type.String(),
    severity: Type.Enum([...severities]),
    group: Type.Record(Type.String(), Type.String()),
    metric: Type.Enum([...metrics]),
    operator: Type.Enum([...operators]),
    value: Type.Number(),
    threshold: Type.Number(),
    window_seconds: Type.Number(),
    evaluated_at: Time,
  },
  closed,
);

const Input = Type.Object(
  {
    alert_id: Type.Unsafe<AlertId>(Type.String({ pattern: '^alr_[0-9a-f]{32}$' })),
    transition: Type.Union([
      Type.Object({ type: Type.Literal('AlertPending'), data: Facts }, closed),
      Type.Object({ type: Type.Literal('AlertFired'), data: Facts }, closed),
      Type.Object(
        {
          type: Type.Literal('AlertResolved'),
          data: Type.Object(
            {
              by: Type.Literal('evaluation'),
              note: Type.Optional(Type.String()),
              value: Type.Optional(Type.Number()),
              evaluated_at: Time,
            },
            closed,
          ),
        },
        closed,
      ),
    ]),
  },
  closed,
);

/** What the evaluation decided about an alert; `evaluated_at` is the boundary. */
export type RecordAlertTransition = Static<typeof Input>;

/**
 * Records a decision of the alert evaluation. The record is named by alert, kind and boundary: deciding the same after
 * a crash, or in two instances at once, is one record.
 */
export const recordAlertTransition = defineCommand({
  name: 'record-alert-transition',
  input: Input,
  needs: 'alerting:write',
  writes: 'domain',
  run: async ({ alert_id, transition }, transaction, { principal }) => {
    if (principal.actor.kind !== 'process')
      return refused('forbidden', 'forbidden', 'Only the evaluation decides whether an alert fires.');
    const { type, data } = transition;
    const decided = await transaction.decide(
      alertStream(alert_id),
      alertSubject,
      (alert) => takeTransition(alert, transition satisfies AlertTransition),
      { event_id: () => uuidFrom(alert_id, type, data.evaluated_at) },
    );
    return decided.ok ? done({ state: decided.value.state.state }) : decided;
  },
});
