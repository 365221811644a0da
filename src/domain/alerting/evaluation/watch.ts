import type { AlertId, RuleId, TenantId } from '../../ids.js';
import type { TelemetryChunk } from '../../telemetry/chunk.js';
import type { Condition, GroupField, GroupLabels, Severity } from '../rule.js';
import { canonical } from '../../canonical.js';
import { addEvent, emptyCell, sumCells, type CellSum } from './cell.js';
import { planOf, type Measured, type Outcome, type Plan } from './condition.js';
import { bucketFor, oldestBucket, shapeOf, type WindowShape } from './grid.js';
import { groupingBy, MAX_GROUPS, type Group, type Grouping } from './group.js';
import type { Cause, NameAlert, Raised, Transition } from './transition.js';

/** What the evaluation needs of a rule. */
export interface WatchedRule {
  readonly tenant_id: TenantId;
  readonly rule_id: RuleId;
  readonly name: string;
  readonly severity: Severity;
  readonly condition: Condition;
  readonly window_seconds: number;
  readonly for_seconds: number;
  readonly group_by: readonly GroupField[];
}

/** When a chunk was taken in, and the boundary that decides over it first. */
export interface Arrival {
  readonly time: number;
  readonly next_boundary: number;
  readonly cause: Cause;
}

/** An alert that is open, and the last record that counted for it. */
export interface OpenAlert {
  readonly alert_id: AlertId;
  readonly cause: Cause;
}

/** An alert that the log says is open. */
export interface RecordedAlert extends OpenAlert {
  readonly tenant_id: TenantId;
  readonly rule_id: RuleId;
  readonly group: GroupLabels;
  readonly status: 'pending' | 'firing';
  /** The boundary at which it began. */
  readonly opened: number;
}

/** One enabled rule being watched: its windows by group, and the alerts that are open. */
export class RuleWatch {
  /** By the grouping's key. */
  readonly groups = new Map<string, Group>();
  #rule: WatchedRule;
  #plan: Plan;
  #shape: WindowShape;
  #grouping: Grouping;
  #settled = false;

  /** `since`: when watching began; what happened before was not seen. */
  constructor(
    rule: WatchedRule,
    readonly since: number,
    readonly cause: Cause,
    grid_ms: number,
    private readonly nameAlert: NameAlert,
  ) {
    this.#rule = rule;
    this.#plan = planOf(rule.condition);
    this.#shape = shapeOf(rule.window_seconds, grid_ms);
    this.#grouping = groupingBy(rule.group_by);
    if (rule.group_by.length === 0) this.groups.set('', this.#emptyGroup({}, cause));
  }

  get rule(): WatchedRule {
    return this.#rule;
  }

  /** Milliseconds that its windows reach back. */
  get reach(): number {
    return this.#shape.window_ms;
  }

  /** True where boundaries without new events decide nothing any more. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Takes a changed rule over, where what it counts is the same; says whether it is. */
  change(rule: WatchedRule): boolean {
    if (counting(rule) !== counting(this.#rule)) return false;
    this.#rule = rule;
    this.#plan = planOf(rule.condition);
    for (const group of this.groups.values()) group.outcome = undefined;
    this.#settled = false;
    return true;
  }

  /** Whether nothing that happened up to a time counts from a boundary on, whenever it came. */
  hasForgotten(time: number, boundary: number, grid_ms: number): boolean {
    const { window_ms, bucket_ms } = this.#shape;
    return time <= boundary - window_ms - bucket_ms - grid_ms;
  }

  /** Whether a record is the last that counted for one of its groups. */
  isCausedBy(event_id: string): boolean {
    return [...this.groups.values()].some(({ cause }) => cause.event_id === event_id);
  }

  /** Forgets what was counted, for it is to be counted again; what changes by that is caused by `cause`. */
  forgetCounts(cause: Cause): void {
    for (const group of this.groups.values()) {
      for (const window of group.windows) window.clear();
      group.cause = cause;
      group.outcome = undefined;
    }
    this.#settled = false;
  }

  /** The groups without an alert whose condition holds: they raise one at the boundary after this one. */
  raising(boundary: number): ReadonlySet<Group> {
    const oldest = oldestBucket(boundary, this.#shape);
    const whole = this.since <= boundary - this.#shape.window_ms;
    return new Set(
      [...this.groups.values()].filter((group) => {
        prune(group, oldest);
        return group.alert.status === 'quiet' && this.#outcomeOf(group, whole).truth === true;
      }),
    );
  }

  /** Keeps groups but for some from raising an alert before their condition has stopped holding once. */
  keepQuiet(boundary: number, but: ReadonlySet<Group>): void {
    for (const group of this.raising(boundary)) if (!but.has(group)) group.alert = { status: 'dismissed' };
  }

  /** Counts the events of a chunk. */
  count(chunk: TelemetryChunk, { time, next_boundary, cause }: Arrival): void {
    const { series } = this.#plan;
    for (let index = 0; index < chunk.count; index += 1) {
      const bucket = bucketFor(chunk.times[index] ?? NaN, time, next_boundary, this.#shape);
      if (bucket === undefined) continue;
      let group: Group | undefined;
      for (let number = 0; number < series.length; number += 1) {
        const one = series[number];
        if (!one?.passes(chunk, index)) continue;
        group ??= this.#groupOf(chunk, index, cause);
        const window = group.windows[number];
        let cell = window?.get(bucket);
        if (!cell) {
          cell = emptyCell(one.needs);
          window?.set(bucket, cell);
        }
        addEvent(cell, chunk, index, one.needs);
      }
      if (group) {
        group.cause = cause;
        group.outcome = undefined;
        this.#settled = false;
      }
    }
  }

  /** Decides every group at a boundary. */
  decide(boundary: number): readonly Transition[] {
    const transitions: Transition[] = [];
    const oldest = oldestBucket(boundary, this.#shape);
    const whole = this.since <= boundary - this.#shape.window_ms;
    this.#settled = whole;
    for (const [key, group] of this.groups) {
      prune(group, oldest);
      const transition = this.#decideGroup(group, boundary, whole);
      if (transition) transitions.push(transition);

      const empty = group.windows.every((window) => window.size === 0);
      if (!empty || group.alert.status === 'pending') this.#settled = false;
      if (empty && group.alert.status === 'quiet' && this.#rule.group_by.length > 0) this.groups.delete(key);
    }
    return transitions;
  }

  /** Takes note that somebody resolved an alert by hand; says whether it was open here. */
  dismiss(alert_id: AlertId): boolean {
    for (const group of this.groups.values())
      if (isOpen(group, alert_id)) {
        group.alert = { status: 'dismissed' };
        this.#settled = false;
        return true;
      }
    return false;
  }

  /** The alerts that are open. */
  *open(): Iterable<OpenAlert> {
    for (const { alert, cause } of this.groups.values())
      if (alert.status === 'pending' || alert.status === 'firing') yield { alert_id: alert.alert_id, cause };
  }

  /** Takes the log's word for which of its alerts are open; gives back those that it has now. */
  believe(recorded: Iterable<RecordedAlert>): readonly AlertId[] {
    const { keyFor, fields } = this.#grouping;
    const its = [...recorded].filter(
      ({ rule_id, group }) =>
        rule_id === this.#rule.rule_id && Object.keys(group).every((name) => fields.has(name)),
    );
    const by_key = new Map(its.map((alert) => [keyFor(alert.group), alert]));
    for (const [key, group] of this.groups)
      if (!by_key.has(key) && group.alert.status !== 'dismissed') group.alert = { status: 'quiet' };
    for (const [key, { alert_id, status, opened, group, cause }] of by_key)
      (this.groups.get(key) ?? this.#addGroup(key, group, cause)).alert = { status, alert_id, opened };
    this.#settled = false;
    return [...by_key.values()].map(({ alert_id }) => alert_id);
  }

  #groupOf(chunk: TelemetryChunk, index: number, cause: Cause): Group {
    const key = this.#grouping.keyOf(chunk, index);
    const known = this.groups.get(key);
    if (known) return known;
    if (this.groups.size < MAX_GROUPS)
      return this.#addGroup(key, this.#grouping.labelsOf(chunk, index), cause);
    const { other, keyFor } = this.#grouping;
    return this.groups.get(keyFor(other)) ?? this.#addGroup(keyFor(other), other, cause);
  }

  #addGroup(key: string, labels: GroupLabels, cause: Cause): Group {
    const group = this.#emptyGroup(labels, cause);
    this.groups.set(key, group);
    return group;
  }

  #emptyGroup(labels: GroupLabels, cause: Cause): Group {
    const windows = this.#plan.series.map(() => new Map());
    return { labels, windows, alert: { status: 'quiet' }, cause };
  }

  #decideGroup(group: Group, boundary: number, whole: boolean): Transition | undefined {
    const { truth, measured } = this.#outcomeOf(group, whole);
    const { alert } = group;
    const holds = truth === true;
    switch (alert.status) {
      case 'quiet': {
        if (!holds) return undefined;
        const alert_id = this.nameAlert(this.#rule.rule_id, group.labels, boundary - this.reach, boundary);
        const status = this.#rule.for_seconds > 0 ? 'pending' : 'firing';
        group.alert = { status, alert_id, opened: boundary };
        return this.#raised(status === 'pending' ? 'pending' : 'fired', alert_id, group, measured, boundary);
      }
      case 'pending':
        if (!holds) return this.#end(group, alert.alert_id, measured, boundary);
        if (boundary - alert.opened < this.#rule.for_seconds * 1000) return undefined;
        group.alert = { ...alert, status: 'firing' };
        return this.#raised('fired', alert.alert_id, group, measured, boundary);
      case 'firing':
        return holds ? undefined : this.#end(group, alert.alert_id, measured, boundary);
      case 'dismissed':
        if (!holds) group.alert = { status: 'quiet' };
        return undefined;
    }
  }

  #outcomeOf(group: Group, whole: boolean): Outcome {
    if (group.outcome?.whole === whole) return group.outcome.outcome;
    const sums: CellSum[] = [];
    const sum = (series: number): CellSum =>
      (sums[series] ??= sumCells(group.windows[series]?.values() ?? []));
    const outcome = this.#plan.decide({ sum, whole });
    group.outcome = { whole, outcome };
    return outcome;
  }

  #end(group: Group, alert_id: AlertId, { value }: Measured, evaluated_at: number): Transition {
    group.alert = { status: 'quiet' };
    const { tenant_id, rule_id } = this.#rule;
    const { cause } = group;
    return {
      kind: 'resolved',
      ...{ tenant_id, rule_id, alert_id, evaluated_at, cause },
      ...(value !== undefined && { value }),
    };
  }

  #raised(
    kind: Raised['kind'],
    alert_id: AlertId,
    { labels, cause }: Group,
    { metric, operator, threshold, value = 0 }: Measured,
    evaluated_at: number,
  ): Raised {
    const { tenant_id, rule_id, name, severity, window_seconds } = this.#rule;
    return {
      kind,
      ...{ tenant_id, rule_id, alert_id, rule_name: name, severity, group: labels },
      ...{ metric, operator, threshold, value, window_seconds, evaluated_at, cause },
    };
  }
}

/** Lets go of what has fallen out of the window. */
const prune = (group: Group, oldest: number): void => {
  for (const window of group.windows)
    for (const bucket of window.keys())
      if (bucket < oldest) {
        window.delete(bucket);
        group.outcome = undefined;
      }
};

const isOpen = ({ alert }: Group, alert_id: AlertId): boolean =>
  (alert.status === 'pending' || alert.status === 'firing') && alert.alert_id === alert_id;

/** What decides whether counts made under one version of a rule hold under another. */
const counting = ({ condition, window_seconds, group_by }: WatchedRule): string =>
  canonical([planOf(condition).counts, window_seconds, [...new Set(group_by)].sort()]);
