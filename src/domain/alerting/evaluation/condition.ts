import { canonical } from '../../canonical.js';
import type { Condition, Metric, MetricCondition, Operator } from '../rule.js';
import type { CellSum, Needs } from './cell.js';
import { compileRuleFilter, type EventTest } from './rule-filter.js';

/** Whether something holds; undefined: what was seen does not say. */
export type Truth = boolean | undefined;

/** A metric condition with what its metric came to. */
export interface Measured {
  readonly metric: Metric;
  readonly operator: Operator;
  readonly threshold: number;
  /** Undefined: a rate or a latency of nothing. */
  readonly value: number | undefined;
}

/** Whether a condition holds, and the metric condition that it turned on. */
export interface Outcome {
  readonly truth: Truth;
  readonly measured: Measured;
}

/** Events that are counted together for one rule: those that pass a filter. */
export interface Series {
  readonly passes: EventTest;
  readonly needs: Needs;
}

/** The sums over the window, by the series' number, and whether the window was watched from its beginning. */
export interface Observation {
  readonly sum: (series: number) => CellSum;
  readonly whole: boolean;
}

/** A condition made ready: what to count, and how to decide by it. */
export interface Plan {
  readonly series: readonly Series[];
  /** The same for two conditions that count the same, so that one may go on with the other's counts. */
  readonly counts: string;
  readonly decide: (observation: Observation) => Outcome;
}

/** Up to which duration a request satisfies, where the rule does not say. */
export const DEFAULT_APDEX_TARGET_MS = 500;

const valueOf: Readonly<Record<Metric, (sum: CellSum) => number | undefined>> = {
  request_count: ({ count }) => count,
  error_count: ({ errors }) => errors,
  error_rate: ({ count, errors }) => (count > 0 ? errors / count : undefined),
  latency_avg: ({ timed, sum_us }) => (timed > 0 ? sum_us / timed / 1000 : undefined),
  latency_p50: (sum) => sum.quantile(0.5),
  latency_p95: (sum) => sum.quantile(0.95),
  latency_p99: (sum) => sum.quantile(0.99),
  latency_max: ({ timed, max_ms }) => (timed > 0 ? max_ms : undefined),
  apdex: ({ timed, satisfied, tolerating }) => (timed > 0 ? (satisfied + tolerating / 2) / timed : undefined),
  unique_users: ({ users }) => users,
};

/** Metrics that only grow while a window fills: before it was watched whole, what was seen is their lower bound. */
const counts: ReadonlySet<Metric> = new Set<Metric>(['request_count', 'error_count', 'unique_users']);

const compare: Readonly<Record<Operator, (value: number, threshold: number) => boolean>> = {
  '>': (value, threshold) => value > threshold,
  '>=': (value, threshold) => value >= threshold,
  '<': (value, threshold) => value < threshold,
  '<=': (value, threshold) => value <= threshold,
  '==': (value, threshold) => value === threshold,
  '!=': (value, threshold) => value !== threshold,
};

/** Whether a comparison comes out the same for every greater value. */
const settled = (operator: Operator, value: number, threshold: number): boolean =>
  operator === '>=' || operator === '<' ? value >= threshold : value > threshold;

const truthOf = ({ metric, operator, threshold, value }: Measured, whole: boolean): Truth => {
  if (value === undefined) return undefined;
  if (!whole && counts.has(metric) && !settled(operator, value, threshold)) return undefined;
  return compare[operator](value, threshold);
};

const allOf = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(undefined) ? undefined : true;

const not = (truth: Truth): Truth => (truth === undefined ? undefined : !truth);

const needsOf = (metrics: readonly Metric[]): Needs => ({
  latencies: metrics.some((metric) => metric.startsWith('latency_p')),
  users: metrics.includes('unique_users'),
  ...(metrics.includes('apdex') && { apdex: DEFAULT_APDEX_TARGET_MS }),
});

type Decide = Plan['decide'];

/** The outcome to report for several: the first that has the truth of the whole. */
const several = (outcomes: readonly [Outcome, ...Outcome[]], truth: Truth): Outcome => ({
  truth,
  measured: (outcomes.find((outcome) => outcome.truth === truth) ?? outcomes[0]).measured,
});

/** The metric conditions of one series, in the order in which they stand. */
type Leaves = [MetricCondition, ...MetricCondition[]];

/** Makes a condition ready. Metrics of the same filter share what is counted. */
export const planOf = (condition: Condition): Plan => {
  const found = new Map<string, { readonly number: number; readonly leaves: Leaves }>();

  const compileMetric = (leaf: MetricCondition): Decide => {
    const key = canonical(leaf.filter ?? {});
    const known = found.get(key);
    known?.leaves.push(leaf);
    const number = known?.number ?? found.size;
    if (!known) found.set(key, { number, leaves: [leaf] });
    const { metric, operator, threshold } = leaf;
    return ({ sum, whole }) => {
      const measured = { metric, operator, threshold, value: valueOf[metric](sum(number)) };
      return { truth: truthOf(measured, whole), measured };
    };
  };

  const compileList = (parts: readonly Condition[], combine: (truths: readonly Truth[]) => Truth): Decide => {
    const [first, ...rest] = parts.map(compile);
    if (!first) throw new Error('A condition made of no conditions cannot be decided.');
    return (observation) => {
      const outcomes: [Outcome, ...Outcome[]] = [
        first(observation),
        ...rest.map((part) => part(observation)),
      ];
      return several(outcomes, combine(outcomes.map(({ truth }) => truth)));
    };
  };

  const compile = (part: Condition): Decide => {
    if ('all' in part) return compileList(part.all, allOf);
    if ('any' in part) return compileList(part.any, (truths) => not(allOf(truths.map(not))));
    if ('not' in part) {
      const decide = compile(part.not);
      return (observation) => {
        const { truth, measured } = decide(observation);
        return { truth: not(truth), measured };
      };
    }
    return compileMetric(part);
  };

  const decide = compile(condition);
  const series = [...found].map(([key, { leaves }]) => ({
    key,
    passes: compileRuleFilter(leaves[0].filter ?? {}),
    needs: needsOf(leaves.map(({ metric }) => metric)),
  }));
  return { decide, series, counts: canonical(series.map(({ key, needs }) => ({ key, needs }))) };
};
