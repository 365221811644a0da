import type { CommandPipeline } from '../../commands/handle.js';
import { recordAlertTransition, type RecordAlertTransition } from '../../commands/record-alert-transition.js';
import type { Transition } from '../../domain/alerting/evaluation/transition.js';
import { processPrincipal } from '../../domain/tenancy/access.js';
import { outcomeOf } from '../outcome.js';
import type { ReactionOutcome } from '../process.js';

/** The process manager's name in the provenance of what it writes. */
const EVALUATOR = 'alert-evaluator';

/** A decision as the event that says so. */
export const eventOf = (transition: Transition): RecordAlertTransition['transition'] => {
  const evaluated_at = new Date(transition.evaluated_at).toISOString();
  if (transition.kind === 'resolved') {
    const { value } = transition;
    return {
      type: 'AlertResolved',
      data: { by: 'evaluation', ...(value !== undefined && { value }), evaluated_at },
    };
  }
  const { kind, alert_id, rule_id, rule_name, severity, group } = transition;
  const { metric, operator, value, threshold, window_seconds } = transition;
  return {
    type: kind === 'pending' ? 'AlertPending' : 'AlertFired',
    data: {
      ...{ alert_id, rule_id, rule_name, severity, group: { ...group } },
      ...{ metric, operator, value, threshold, window_seconds, evaluated_at },
    },
  };
};

/** Puts decisions into the log as commands of the evaluator, caused by the record that they react to. */
export const recordThrough =
  (pipeline: Pick<CommandPipeline, 'execute'>) =>
  async (transition: Transition): Promise<ReactionOutcome> => {
    const { tenant_id, alert_id, cause } = transition;
    const event = eventOf(transition);
    const result = await pipeline.execute(
      recordAlertTransition,
      { alert_id, transition: event },
      {
        principal: processPrincipal(EVALUATOR, tenant_id, 'alerting:write'),
        origin: 'process_manager',
        request_id: `${alert_id}/${event.type}/${event.data.evaluated_at}`,
        correlation_id: cause.correlation_id,
        causation_id: cause.event_id,
      },
    );
    return outcomeOf(result);
  };
