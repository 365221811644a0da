import type { EventId, TenantId } from '../../src/domain/ids.js';
import { readConfig } from '../../src/platform/config.js';
import { uuidFrom } from '../../src/platform/uuid.js';
import type { NewEvent, StreamName } from '../../src/eventstore/event-store.js';
import { openStores } from '../../src/stores.js';

/** Appends that are on their way to the disk at once. */
const AT_ONCE = 500;

type Metadata = Partial<NewEvent['metadata']>;

/** Opens the log of a server that is stopped, as start-up code might, and has so many appends made to it. */
const appending = async (
  data_directory: string,
  appends: number,
  one: (number: number) => readonly [stream: string, events: readonly [NewEvent, ...NewEvent[]]],
): Promise<void> => {
  const outcome = readConfig({ PULSESTREAM_DATA_DIR: data_directory, PULSESTREAM_SEGMENT_MEGABYTES: '32' });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problems));
  const stores = await openStores(outcome.config, {});
  try {
    for (let from = 0; from < appends; from += AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, appends - from) }, (_, i) => {
          const [stream, events] = one(from + i);
          return stores.log.append(stream as StreamName, 'none', events);
        }),
      );
  } finally {
    await stores.close();
  }
};

/** Writes alert rules past the guard, each into a stream of its own. */
export const plantRecords = (data_directory: string, count: number, more: Metadata = {}): Promise<void> =>
  appending(data_directory, count, (number) => {
    const id = uuidFrom('planted', data_directory, String(number));
    return [`rule-${nameOf(id)}`, [falseRule(id, number, more)]];
  });

/** Writes telemetry past the guard, records of one event each, so many in each of so many streams. */
export const plantTelemetry = (
  data_directory: string,
  tenant_id: TenantId,
  streams: number,
  each: number,
): Promise<void> =>
  appending(data_directory, streams, (stream) => {
    const of = (number: number): NewEvent => falseTelemetry(tenant_id, stream * each + number);
    const others = Array.from({ length: each - 1 }, (_, n) => of(n + 1));
    return [`telemetry-${tenant_id}-seed-${String(stream)}`, [of(0), ...others]];
  });

const nameOf = (id: string): string => `rul_${id.replaceAll('-', '')}`;
const falseRule = (id: string, number: number, more: Metadata): NewEvent => ({
  id: id as EventId,
  type: 'AlertRuleDefined',
  schema_version: 1,
  data: {
    ...{ rule_id: nameOf(id), name: `Test rule ${String(number)}` },
    ...{ severity: 'info', enabled: true, window_seconds: 60, for_seconds: 0 },
    condition: { metric: 'error_count', operator: '>', threshold: 1 },
  },
  metadata: { ...byStartUp(), ...more },
});

const falseTelemetry = (tenant_id: TenantId, number: number): NewEvent => {
  const now = Date.now();
  const event = {
    type: 'api_call',
    service: 'test-service',
    path: '/test',
    status_code: 500,
    duration_ms: 100,
  };
  const data = Buffer.from(JSON.stringify(event));
  const times = { received_at: now, min_time: now, max_time: now };
  const chunk = {
    codec: 'ndjson' as const,
    count: 1,
    bytes: data.length,
    producer: 'faulty',
    first_sequence: number,
  };
  return {
    ...{ id: uuidFrom('planted', tenant_id, String(number)) as EventId, type: 'TelemetryRecorded' },
    ...{ schema_version: 1, data },
    metadata: { ...byStartUp(), tenant_id, chunk: { ...chunk, ...times } },
  };
};

const byStartUp = (): NewEvent['metadata'] => ({
  actor: { kind: 'process', id: 'startup' },
  origin: 'deployment',
  request_id: 'startup',
  correlation_id: 'startup',
  causation_id: 'startup',
  instance_id: 'here',
  release: 'faulty',
  guard_epoch: 0,
  recorded_at: new Date().toISOString(),
});
