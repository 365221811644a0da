import { describe, expect, it } from '@jest/globals';
import type { RuleId } from '../../../../src/domain/ids.js';
import { aRule, at, Evaluating, failed, ok, ruleId, times } from '../../../support/alert-evaluation.js';

const errors = (count: number) => times(count, failed());

describe('an alert', () => {
  it('fires at the first boundary after its condition began to hold, and says by what', () => {
    const evaluating = new Evaluating().watching(1).receiving(7, errors(6)).passing(20);

    expect(evaluating.story).toEqual(['fired@10']);
    expect(evaluating.decided[0]).toMatchObject({
      rule_id: ruleId,
      rule_name: 'Too many errors',
      severity: 'critical',
      group: {},
      ...{ metric: 'error_count', operator: '>', threshold: 5, value: 6, window_seconds: 60 },
      evaluated_at: at(10),
      cause: { event_id: 'record-2', correlation_id: 'record-2' },
    });
  });

  it('is not raised where the threshold is met but not passed', () => {
    expect(new Evaluating().watching(1).receiving(7, errors(5)).passing(100).story).toEqual([]);
  });

  it('is resolved at the first boundary at which its condition does not hold', () => {
    const evaluating = new Evaluating().watching(1).receiving(7, errors(6)).passing(100);

    expect(evaluating.story).toEqual(['fired@10', 'resolved@70']);
    expect(evaluating.decided[1]).toMatchObject({ value: 0, alert_id: evaluating.decided[0]?.alert_id });
  });

  it('is one for as long as the condition holds', () => {
    const evaluating = new Evaluating().watching(1);
    for (let second = 5; second < 300; second += 20) evaluating.receiving(second, errors(6));
    expect(evaluating.passing(300).story).toEqual(['fired@10']);
  });

  it('is another one when the condition holds again', () => {
    const evaluating = new Evaluating()
      .watching(1)
      .receiving(7, errors(6))
      .receiving(107, errors(6))
      .passing(200);

    expect(evaluating.story).toEqual(['fired@10', 'resolved@70', 'fired@110', 'resolved@170']);
    expect(evaluating.decided[2]?.alert_id).not.toBe(evaluating.decided[0]?.alert_id);
  });

  it('is pending until the condition has held for the time that the rule asks for', () => {
    const evaluating = new Evaluating().watching(1, aRule({ for_seconds: 30 }));
    evaluating.receiving(7, errors(6)).passing(200);

    expect(evaluating.story).toEqual(['pending@10', 'fired@40', 'resolved@70']);
    expect(new Set(evaluating.decided.map(({ alert_id }) => alert_id)).size).toBe(1);
  });

  it('is resolved without having fired where the condition stops before', () => {
    const evaluating = new Evaluating().watching(1, aRule({ for_seconds: 300 }));
    expect(evaluating.receiving(7, errors(6)).passing(200).story).toEqual(['pending@10', 'resolved@70']);
  });

  it('is not lost where its condition held between two evaluations only', () => {
    const evaluating = new Evaluating(60).watching(1, aRule({ window_seconds: 60 }));
    // Behind one boundary, and older than the window at the one after the next.
    evaluating.receiving(61, errors(6)).passing(500);
    expect(evaluating.story).toEqual(['fired@120', 'resolved@180']);
  });

  it('is not lost where its events came when they were almost too old', () => {
    const evaluating = new Evaluating().watching(1);
    evaluating.receiving(101, times(6, failed({ timestamp: at(42) }))).passing(200);
    expect(evaluating.story).toEqual(['fired@105', 'resolved@110']);
  });

  it('is not raised by events that were older than the window when they came', () => {
    const evaluating = new Evaluating().watching(1);
    evaluating.receiving(101, times(60, failed({ timestamp: at(41) }))).passing(200);
    expect(evaluating.story).toEqual([]);
  });

  it('counts events whose clock is ahead as happening when they came', () => {
    const evaluating = new Evaluating().watching(1);
    evaluating.receiving(7, times(6, failed({ timestamp: at(3_600) }))).passing(4_000);
    expect(evaluating.story).toEqual(['fired@10', 'resolved@70']);
  });

  it('takes in nothing of what is recorded at its boundary or later', () => {
    const evaluating = new Evaluating()
      .watching(1)
      .receiving(9.999, errors(5))
      .receiving(10, errors(1))
      .passing(20);
    expect(evaluating.story).toEqual(['fired@15']);
  });

  it('is the same whether records or the clock say that time has passed', () => {
    const by_clock = new Evaluating().watching(1).receiving(7, errors(6));
    for (let second = 7; second <= 200; second += 1) by_clock.passing(second);
    const by_records = new Evaluating().watching(1).receiving(7, errors(6)).receiving(200, [ok()]);
    expect(by_clock.decided).toEqual(by_records.decided);
  });
});

describe('an alert that somebody resolves', () => {
  const dismissed = () => new Evaluating().watching(1).receiving(7, errors(6)).passing(10).dismissing(12);

  it('is not raised again while the condition still holds', () => {
    expect(dismissed().receiving(30, errors(6)).passing(85).story).toEqual(['fired@10']);
  });

  it('is raised again once the condition has stopped and holds anew', () => {
    expect(dismissed().passing(100).receiving(101, errors(6)).passing(110).story).toEqual([
      'fired@10',
      'fired@105',
    ]);
  });

  it('while it is pending, does not fire', () => {
    const evaluating = new Evaluating().watching(1, aRule({ for_seconds: 30 }));
    evaluating.receiving(7, errors(6)).passing(10).dismissing(12).passing(200);
    expect(evaluating.story).toEqual(['pending@10']);
  });
});

describe('a rule', () => {
  const firing = (changes = {}) =>
    new Evaluating().watching(1, aRule(changes)).receiving(7, errors(6)).passing(10);

  it('that is deleted or disabled has its open alerts resolved at the next boundary', () => {
    const evaluating = firing().unwatching(12).passing(100);
    expect(evaluating.story).toEqual(['fired@10', 'resolved@15']);
    expect(evaluating.decided[1]?.alert_id).toBe(evaluating.decided[0]?.alert_id);
  });

  it('that is renamed or given another threshold keeps what it has counted and its alert', () => {
    const changed = aRule({
      name: 'Errors',
      condition: { metric: 'error_count', operator: '>=', threshold: 3 },
    });
    const evaluating = firing().watching(12, changed).passing(60).receiving(61, errors(3)).passing(130);
    expect(evaluating.story).toEqual(['fired@10', 'resolved@125']);
  });

  it('whose threshold is raised above what is seen has its alert resolved', () => {
    const changed = aRule({ condition: { metric: 'error_count', operator: '>', threshold: 50 } });
    expect(firing().watching(12, changed).passing(100).story).toEqual(['fired@10', 'resolved@15']);
  });

  it('that counts something else begins anew, and its alert is resolved', () => {
    const changed = aRule({ window_seconds: 120 });
    expect(firing().watching(12, changed).passing(300).story).toEqual(['fired@10', 'resolved@15']);
  });

  it('does not count what came before it', () => {
    expect(new Evaluating().receiving(1, errors(9)).watching(2).passing(100).story).toEqual([]);
  });

  it('is decided beside the others, each for itself', () => {
    const other = aRule({
      rule_id: 'rul_00000000000040008000000000000002' as RuleId,
      condition: { metric: 'request_count', operator: '>=', threshold: 10 },
    });
    const evaluating = new Evaluating()
      .watching(1)
      .watching(1, other)
      .receiving(7, [...errors(6), ...times(4, ok())]);
    expect(evaluating.passing(10).story).toEqual(['fired@10', 'fired@10']);
    expect(new Set(evaluating.decided.map(({ alert_id }) => alert_id)).size).toBe(2);
  });
});

describe('groups', () => {
  const grouped = aRule({ group_by: ['service', 'route'] });
  const from = (service: string, count: number, route?: string) =>
    times(count, failed({ service, ...(route !== undefined && { route }) }));

  it('have an alert each', () => {
    const evaluating = new Evaluating().watching(1, grouped);
    evaluating.receiving(7, [...from('cart', 6, '/a'), ...from('cart', 5, '/b'), ...from('pay', 7, '/a')]);
    evaluating.receiving(30, from('cart', 6, '/b')).passing(200);
    expect(evaluating.story).toEqual([
      'fired@10 /a/cart',
      'fired@10 /a/pay',
      'fired@35 /b/cart',
      ...times(3, expect.stringMatching(/^resolved/)),
    ]);
    expect(evaluating.decided[0]).toMatchObject({ group: { service: 'cart', route: '/a' } });
  });

  it('leave out what their events do not say', () => {
    const evaluating = new Evaluating().watching(1, grouped).receiving(7, from('cart', 6)).passing(10);
    expect(evaluating.decided[0]).toMatchObject({ group: { service: 'cart' } });
  });

  it('are forgotten when they have gone quiet', () => {
    const evaluating = new Evaluating()
      .watching(1, grouped)
      .receiving(7, from('cart', 6, '/a'))
      .passing(200);
    expect(evaluating.evaluation.size).toEqual({ rules: 1, groups: 0 });
  });

  it('beyond the limit are counted together', () => {
    const evaluating = new Evaluating().watching(1, aRule({ group_by: ['consumer'] }));
    evaluating.receiving(
      2,
      Array.from({ length: 1_000 }, (_, i) => failed({ consumer: `c${String(i)}` })),
    );
    evaluating
      .receiving(
        3,
        Array.from({ length: 6 }, (_, i) => failed({ consumer: `late${String(i)}` })),
      )
      .passing(5);
    expect(evaluating.story).toEqual(['fired@5 __other__']);
    expect(evaluating.evaluation.size.groups).toBe(1_001);
  });
});

describe('an evaluation with nothing to watch for', () => {
  it('is not woken', () => {
    const evaluating = new Evaluating();
    expect(evaluating.evaluation.due).toBeUndefined();
    evaluating.watching(1);
    expect(evaluating.evaluation.due).toBe(at(5));
    evaluating.passing(100);
    expect(evaluating.evaluation.due).toBeUndefined();
    expect(evaluating.receiving(3_601, errors(6)).evaluation.due).toBe(at(3_605));
  });

  it('goes over a year without records in no time, and decides as if it had looked at each boundary', () => {
    const year = 365 * 86_400;
    const evaluating = new Evaluating()
      .watching(1)
      .receiving(7, errors(6))
      .receiving(year, errors(6))
      .passing(year + 5);
    expect(evaluating.story).toEqual(['fired@10', 'resolved@70', `fired@${String(year + 5)}`]);
  });
});
