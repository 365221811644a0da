import { describe, it } from '@jest/globals';
import {
  acknowledge,
  alertDecider,
  escalate,
  resolve,
  takeTransition,
  type AlertEvent,
  type AlertFacts,
} from '../../../src/domain/alerting/alert.js';
import type { AlertId, RuleId } from '../../../src/domain/ids.js';
import { given } from '../../support/given.js';

const facts = (evaluated_at = '2026-03-01T12:00:00.000Z'): AlertFacts => ({
  alert_id: 'alr_1' as AlertId,
  rule_id: 'rul_1' as RuleId,
  rule_name: 'Errors',
  severity: 'critical',
  group: { service: 'checkout' },
  metric: 'error_count',
  operator: '>',
  value: 12,
  threshold: 10,
  window_seconds: 60,
  evaluated_at,
});
const pending = { type: 'AlertPending', data: facts() } as const;
const fired = { type: 'AlertFired', data: facts() } as const;
const acknowledged = (by: string): AlertEvent => ({ type: 'AlertAcknowledged', data: { by } });
const escalated = (by: string): AlertEvent => ({ type: 'AlertEscalated', data: { by } });
const resolved = (by: string): AlertEvent => ({ type: 'AlertResolved', data: { by } });
const recovered = {
  type: 'AlertResolved',
  data: { by: 'evaluation', evaluated_at: '2026-03-01T12:01:00.000Z' },
} as const;
const alert = given(alertDecider);
const [ada, bob] = ['usr_ada', 'usr_bob'];

describe('acknowledging an alert', () => {
  it('is recorded with who did it', () =>
    alert(fired)
      .when((state) => acknowledge(state, ada))
      .then(acknowledged(ada)));

  it('is recorded with what they had to say', () =>
    alert(fired)
      .when((state) => acknowledge(state, ada, 'on it'))
      .then({ type: 'AlertAcknowledged', data: { by: ada, note: 'on it' } }));

  it('changes nothing the second time', () =>
    alert(fired, acknowledged(ada))
      .when((state) => acknowledge(state, bob))
      .thenNothing());

  it('takes an escalated alert over', () =>
    alert(fired, escalated(ada))
      .when((state) => acknowledge(state, bob))
      .then(acknowledged(bob)));

  it('is refused while the alert is pending', () =>
    alert(pending)
      .when((state) => acknowledge(state, ada))
      .thenRefused('alert_not_firing'));

  it('is refused once the alert is resolved', () =>
    alert(fired, resolved(bob))
      .when((state) => acknowledge(state, ada))
      .thenRefused('alert_already_resolved'));

  it('is refused where there is no alert', () =>
    alert()
      .when((state) => acknowledge(state, ada))
      .thenRefused('alert_not_found'));
});

describe('escalating an alert', () => {
  it('is recorded, acknowledged or not', () => {
    alert(fired)
      .when((state) => escalate(state, ada))
      .then(escalated(ada));
    alert(fired, acknowledged(ada))
      .when((state) => escalate(state, ada))
      .then(escalated(ada));
  });

  it('is refused while the alert is pending, once it is resolved, and where there is none', () => {
    alert(pending)
      .when((state) => escalate(state, ada))
      .thenRefused('alert_not_firing');
    alert(fired, recovered)
      .when((state) => escalate(state, ada))
      .thenRefused('alert_already_resolved');
    alert()
      .when((state) => escalate(state, ada))
      .thenRefused('alert_not_found');
  });
});

describe('resolving an alert', () => {
  it.each([
    ['pending', [pending]],
    ['firing', [fired]],
    ['acknowledged', [fired, acknowledged(bob)]],
    ['escalated', [fired, escalated(bob)]],
  ])('ends one that is %s', (_state, events) =>
    alert(...events)
      .when((state) => resolve(state, ada))
      .then(resolved(ada)),
  );

  it('changes nothing once it is resolved', () =>
    alert(fired, recovered)
      .when((state) => resolve(state, ada))
      .thenNothing());

  it('is refused where there is no alert', () =>
    alert()
      .when((state) => resolve(state, ada))
      .thenRefused('alert_not_found'));
});

describe('what the evaluation decided', () => {
  it('makes an alert pending, then firing, then resolved, each once', () => {
    alert()
      .when((state) => takeTransition(state, pending))
      .then(pending);
    alert(pending)
      .when((state) => takeTransition(state, fired))
      .then(fired);
    alert(pending, fired)
      .when((state) => takeTransition(state, recovered))
      .then(recovered);
  });

  it('ends a pending alert that never fired', () =>
    alert(pending)
      .when((state) => takeTransition(state, recovered))
      .then(recovered));

  it('does not bring back an alert that somebody resolved', () => {
    alert(pending, resolved(ada))
      .when((state) => takeTransition(state, fired))
      .thenNothing();
    alert(fired, resolved(ada))
      .when((state) => takeTransition(state, recovered))
      .thenNothing();
  });

  it('does not undo an acknowledgement', () =>
    alert(fired, acknowledged(ada))
      .when((state) => takeTransition(state, fired))
      .thenNothing());

  it('resolves nothing that never began', () =>
    alert()
      .when((state) => takeTransition(state, recovered))
      .thenNothing());
});
