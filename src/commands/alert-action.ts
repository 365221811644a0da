import { Type } from 'typebox';
import type { Alert, AlertEvent } from '../domain/alerting/alert.js';
import type { Decision } from '../domain/decider.js';
import { alertStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { alertSubject } from './subjects.js';

const AlertAction = Type.Object(
  { alert_id: PublicId, note: Type.Optional(Type.String({ maxLength: 4096 })) },
  { additionalProperties: false },
);

/** What a person or a key does to an alert by hand: one decision about it, with who made it. */
export const defineAlertAction = (
  name: string,
  decide: (alert: Alert, by: string, note?: string) => Decision<AlertEvent>,
) =>
  defineCommand({
    name,
    input: AlertAction,
    needs: 'alerting:write',
    writes: 'domain',
    run: async ({ alert_id, note }, transaction, { principal, expected_version }) => {
      const id = readId('alert', alert_id);
      if (!id.ok) return id;
      const decided = await transaction.decide(
        alertStream(id.value),
        alertSubject,
        (alert) => decide(alert, principal.actor.id, note),
        { expected_version },
      );
      if (!decided.ok) return decided;
      const { state, version } = decided.value;
      return done({ alert: { id: id.value, state: state.state, version } });
    },
  });
