import { beforeEach, describe, expect, it } from '@jest/globals';
import { acknowledgeAlert } from '../../src/commands/acknowledge-alert.js';
import { escalateAlert } from '../../src/commands/escalate-alert.js';
import { recordAlertTransition } from '../../src/commands/record-alert-transition.js';
import { resolveAlert } from '../../src/commands/resolve-alert.js';
import { publicId, type AlertId } from '../../src/domain/ids.js';
import { processPrincipal, type Principal } from '../../src/domain/tenancy/access.js';
import { uuidFrom } from '../../src/platform/uuid.js';
import {
  commandBench,
  refusalOf,
  registered,
  requestOf,
  valueOf,
  type CommandBench,
} from '../support/command-bench.js';

const alert_id: AlertId = publicId('alert', uuidFrom('an alert'));
const at = '2026-03-01T12:00:00.000Z';
const facts = {
  alert_id,
  rule_id: publicId('rule', uuidFrom('a rule')),
  rule_name: 'Errors',
  severity: 'critical',
  group: { service: 'checkout' },
  metric: 'error_count',
  operator: '>',
  value: 12,
  threshold: 10,
  window_seconds: 60,
  evaluated_at: at,
} as const;
const fired = { type: 'AlertFired', data: facts } as const;
const recovered = { type: 'AlertResolved', data: { by: 'evaluation', evaluated_at: at } } as const;

let bench: CommandBench;
let ada: Principal;
let evaluation: Principal;

beforeEach(async () => {
  bench = commandBench();
  const { principal, tenant } = await registered(bench);
  ada = principal;
  evaluation = processPrincipal('alert-evaluation', tenant.id, 'alerting:write');
});

const record = (transition: object, by = evaluation, world = bench) =>
  world.pipeline.execute(
    recordAlertTransition,
    { alert_id, transition },
    requestOf(by, { origin: 'process_manager', causation_id: 'evt' }),
  );
const stream = () => bench.log.events.filter((event) => event.stream === `alert-${alert_id}`);

describe('what the evaluation decided', () => {
  it('is recorded as the process’s act, under a name that says what and when', async () => {
    expect(valueOf(await record(fired))).toEqual({ state: 'firing' });
    expect(stream()).toMatchObject([
      {
        id: uuidFrom(alert_id, 'AlertFired', at),
        data: facts,
        metadata: { actor: evaluation.actor, origin: 'process_manager', causation_id: 'evt' },
      },
    ]);
  });

  it('is one record however often it is decided, by however many', async () => {
    await Promise.all([record(fired), record(fired, evaluation, commandBench({ log: bench.log }))]);
    await record(fired);
    expect(stream()).toHaveLength(1);
  });

  it('is nobody else’s to say', async () => {
    expect(refusalOf(await record(fired, ada))).toMatchObject({ kind: 'forbidden' });
  });

  it('is refused where it makes no sense', async () => {
    for (const nonsense of [
      { type: 'AlertAcknowledged', data: { by: 'x' } },
      { ...fired, data: {} },
    ])
      expect(refusalOf(await record(nonsense))).toMatchObject({ kind: 'invalid' });
  });
});

describe('an alert in hand', () => {
  it('is acknowledged, escalated and resolved by whoever may', async () => {
    await record(fired);
    for (const [command, state] of [
      [acknowledgeAlert, 'acknowledged'],
      [escalateAlert, 'escalated'],
      [resolveAlert, 'resolved'],
    ] as const) {
      const result = await bench.pipeline.execute(command, { alert_id, note: state }, requestOf(ada));
      expect(valueOf(result).alert).toMatchObject({ id: alert_id, state });
      expect(stream().at(-1)?.data).toEqual({ by: ada.actor.id, note: state });
    }
    await record(recovered);
    expect(stream()).toHaveLength(4);
  });

  it('of another tenant is not there', async () => {
    await record(fired);
    const { principal } = await registered(bench, 'other');
    for (const command of [acknowledgeAlert, escalateAlert, resolveAlert])
      expect(
        refusalOf(await bench.pipeline.execute(command, { alert_id }, requestOf(principal))),
      ).toMatchObject({
        kind: 'not_found',
        code: 'alert_not_found',
      });
    expect(stream()).toHaveLength(1);
  });
});
