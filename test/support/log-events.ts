import type { EventId, TenantId } from '../../src/domain/ids.js';
import type { JsonObject } from '../../src/domain/json.js';
import type { EventMetadata, NewEvent, Revision, StreamName } from '../../src/eventstore/event-store.js';

export const stream = (name: string): StreamName => name as StreamName;
export const revision = (value: number): Revision => value as Revision;

const metadata: EventMetadata = {
  tenant_id: 'ten_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f' as TenantId,
  actor: { kind: 'api_key', id: 'key_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f' },
  origin: 'api',
  request_id: 'req-1',
  correlation_id: 'req-1',
  causation_id: 'req-1',
  instance_id: 'test',
  release: '0',
  guard_epoch: 0,
  recorded_at: '2025-01-01T00:00:00.000Z',
};

export interface EventFactory {
  json(data?: JsonObject, type?: string): NewEvent;
  binary(data: Uint8Array, type?: string): NewEvent;
  many(count: number): [NewEvent, ...NewEvent[]];
}

/** Makes events with ids 1, 2, 3, …; two factories of different series never give the same id. */
export const eventFactory = (series = 0): EventFactory => {
  let made = 0;
  const id = (): EventId => {
    made += 1;
    const number = made.toString(16).padStart(12, '0');
    return `${series.toString(16).padStart(8, '0')}-0000-8000-8000-${number}` as EventId;
  };
  const make = (data: NewEvent['data'], type: string): NewEvent => ({
    id: id(),
    type,
    schema_version: 1,
    data,
    metadata,
  });
  const json = (data: JsonObject = { n: made }, type = 'ThingHappened'): NewEvent => make(data, type);
  return {
    json,
    binary: (data, type = 'TelemetryRecorded') => make(data, type),
    many: (count) => [json(), ...Array.from({ length: count - 1 }, () => json())],
  };
};
