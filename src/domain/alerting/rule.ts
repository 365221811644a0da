import { Type, type Static } from 'typebox';
import { canonical } from '../canonical.js';
import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { RuleId } from '../ids.js';

export const metrics = [
  'request_count',
  'error_count',
  'error_rate',
  'latency_avg',
  'latency_p50',
  'latency_p95',
  'latency_p99',
  'latency_max',
  'apdex',
  'unique_users',
] as const;
export type Metric = (typeof metrics)[number];

export const operators = ['>', '>=', '<', '<=', '==', '!='] as const;
export type Operator = (typeof operators)[number];

export const severities = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

/** What a rule can be split by: one alert for each combination of values. */
const groupFields = [
  'service',
  'route',
  'method',
  'environment',
  'region',
  'status_class',
  'consumer',
] as const;
export type GroupField = (typeof groupFields)[number];
export type GroupLabels = Readonly<Partial<Record<GroupField, string>>>;

const text = (maximum: number) => Type.String({ minLength: 1, maxLength: maximum });
const closed = { additionalProperties: false } as const;

/** Which events a metric is taken of; every field that is there must hold. */
export const RuleFilter = Type.Object(
  {
    type: Type.Optional(text(64)),
    service: Type.Optional(text(256)),
    environment: Type.Optional(text(256)),
    region: Type.Optional(text(256)),
    route: Type.Optional(text(2048)),
    method: Type.Optional(text(32)),
    consumer: Type.Optional(text(256)),
    status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
    status_class: Type.Optional(Type.Integer({ minimum: 1, maximum: 5 })),
  },
  closed,
);
export type RuleFilter = Readonly<Static<typeof RuleFilter>>;

/** A metric of the events in the window, held against a threshold. Latencies are in milliseconds, rates from 0 to 1. */
export interface MetricCondition {
  readonly metric: Metric;
  readonly operator: Operator;
  readonly threshold: number;
  readonly filter?: RuleFilter;
}

export type Condition =
  | MetricCondition
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

const MetricConditionSchema = Type.Object(
  {
    metric: Type.Enum([...metrics]),
    operator: Type.Enum([...operators]),
    threshold: Type.Number({ minimum: -1e15, maximum: 1e15 }),
    filter: Type.Optional(RuleFilter),
  },
  { ...closed, title: 'MetricCondition' },
);

/** How deep conditions may stand in each other. */
const DEPTH = 3;

/** Conditions of conditions, written out to their greatest depth: a schema that ends can be read by any tool. */
const conditionOf = (depth: number): ReturnType<typeof Type.Unsafe<Condition>> => {
  if (depth === 0) return Type.Unsafe<Condition>(MetricConditionSchema);
  const inner = conditionOf(depth - 1);
  const several = Type.Array(inner, { minItems: 1, maxItems: 16 });
  return Type.Unsafe<Condition>(
    Type.Union(
      [
        MetricConditionSchema,
        Type.Object({ all: several }, closed),
        Type.Object({ any: several }, closed),
        Type.Object({ not: inner }, closed),
      ],
      {
        title: depth === DEPTH ? 'Condition' : `ConditionWithin${DEPTH - depth}`,
        'x-not-supported': ['event', 'absent', 'change', 'anomaly', 'burn_rate'],
      },
    ),
  );
};
export const ConditionSchema = conditionOf(DEPTH);

const labels = Type.Record(
  Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }),
  Type.String({ maxLength: 1024 }),
  {
    maxProperties: 32,
  },
);

/** A rule as its owner writes it: enabled, and fired at once, unless it says otherwise. */
export const RuleDefinition = Type.Object(
  {
    name: text(200),
    severity: Type.Enum([...severities]),
    enabled: Type.Optional(Type.Boolean({ default: true })),
    condition: ConditionSchema,
    /** How far back the metric looks. */
    window_seconds: Type.Integer({ minimum: 10, maximum: 86_400 }),
    /** How long the condition must hold before the alert fires; until then it is pending. */
    for_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400, default: 0 })),
    group_by: Type.Optional(Type.Array(Type.Enum([...groupFields]), { maxItems: 4, uniqueItems: true })),
    labels: Type.Optional(labels),
    annotations: Type.Optional(labels),
  },
  closed,
);
export type RuleInput = Readonly<Static<typeof RuleDefinition>>;

/** A rule with nothing left open. */
export type RuleDefinition = RuleInput & { readonly enabled: boolean; readonly for_seconds: number };

export const definitionOf = (input: RuleInput): RuleDefinition => ({
  ...input,
  enabled: input.enabled ?? true,
  for_seconds: input.for_seconds ?? 0,
});

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type RuleEvent =
  | { readonly type: 'AlertRuleDefined'; readonly data: RuleDefinition & { readonly rule_id: RuleId } }
  | { readonly type: 'AlertRuleChanged'; readonly data: RuleDefinition & { readonly rule_id: RuleId } }
  | { readonly type: 'AlertRuleDeleted'; readonly data: { readonly rule_id: RuleId } };

export const ruleEventTypes = ['AlertRuleDefined', 'AlertRuleChanged', 'AlertRuleDeleted'] as const;

export type Rule =
  | { readonly state: 'none' }
  | { readonly state: 'defined'; readonly definition: RuleDefinition & { readonly rule_id: RuleId } }
  | { readonly state: 'deleted' };

export const ruleDecider: Decider<Rule, RuleEvent> = {
  initial: { state: 'none' },
  evolve: (_rule, event) => {
    switch (event.type) {
      case 'AlertRuleDefined':
      case 'AlertRuleChanged':
        return { state: 'defined', definition: event.data };
      case 'AlertRuleDeleted':
        return { state: 'deleted' };
    }
  },
};

const notFound = refuse('rule_not_found', 'There is no such rule.');

export const defineRule = (rule: Rule, rule_id: RuleId, definition: RuleDefinition): Decision<RuleEvent> =>
  accept(rule.state === 'none' ? [{ type: 'AlertRuleDefined', data: { rule_id, ...definition } }] : []);

/** Replaces a rule's definition, which is also how it is enabled and disabled; the same definition changes nothing. */
export const changeRule = (rule: Rule, definition: RuleDefinition): Decision<RuleEvent> => {
  if (rule.state !== 'defined') return notFound;
  const changed = { rule_id: rule.definition.rule_id, ...definition };
  return accept(
    sameDefinition(changed, rule.definition) ? [] : [{ type: 'AlertRuleChanged', data: changed }],
  );
};

/** Deletes a rule; its open alerts are resolved by the next evaluation. */
export const deleteRule = (rule: Rule): Decision<RuleEvent> => {
  switch (rule.state) {
    case 'none':
      return notFound;
    case 'deleted':
      return accept([]);
    case 'defined':
      return accept([{ type: 'AlertRuleDeleted', data: { rule_id: rule.definition.rule_id } }]);
  }
};

const sameDefinition = (one: object, other: object): boolean => canonical(one) === canonical(other);
