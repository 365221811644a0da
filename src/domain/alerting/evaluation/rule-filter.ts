import type { TelemetryChunk } from '../../telemetry/chunk.js';
import { compileFilter } from '../../telemetry/filter.js';
import type { RuleFilter } from '../rule.js';

/** Whether the event at an index of a chunk is meant. */
export type EventTest = (chunk: TelemetryChunk, index: number) => boolean;

const fieldIs =
  (field: 'environment' | 'region' | 'consumer', wanted: string): EventTest =>
  (chunk, index) =>
    chunk.events[index]?.[field] === wanted;

/** Makes a test of a rule's filter. */
export const compileRuleFilter = ({ environment, region, consumer, ...rest }: RuleFilter): EventTest => {
  const tests: EventTest[] = [];
  if (Object.keys(rest).length > 0) tests.push(compileFilter(rest));
  if (environment !== undefined) tests.push(fieldIs('environment', environment));
  if (region !== undefined) tests.push(fieldIs('region', region));
  if (consumer !== undefined) tests.push(fieldIs('consumer', consumer));
  return (chunk, index) => tests.every((test) => test(chunk, index));
};
