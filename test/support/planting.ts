import type { EventId } from '../../src/domain/ids.js';
import { readConfig } from '../../src/platform/config.js';
import { uuidFrom } from '../../src/platform/uuid.js';
import type { NewEvent, StreamName } from '../../src/eventstore/event-store.js';
import { openStores } from '../../src/stores.js';

/**
 * Writes records past the guard, into the log of a server that is stopped: as start-up code might that has the log
 * open itself. Each goes into a stream of its own.
 */
export const plantRecords = async (
  data_directory: string,
  count: number,
  more: Partial<NewEvent['metadata']> = {},
): Promise<void> => {
  const outcome = readConfig({ PULSESTREAM_DATA_DIR: data_directory, PULSESTREAM_SEGMENT_MEGABYTES: '32' });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problems));
  const stores = await openStores(outcome.config, {});
  try {
    for (let i = 0; i < count; i += 1) {
      const id = uuidFrom('planted', data_directory, String(i));
      await stores.log.append(`rule-rul_${id.replaceAll('-', '')}` as StreamName, 'none', [
        {
          id: id as EventId,
          type: 'AlertRuleDefined',
          schema_version: 1,
          data: {
            ...{ rule_id: `rul_${id.replaceAll('-', '')}`, name: `Test rule ${String(i)}` },
            ...{ severity: 'info', enabled: true, window_seconds: 60, for_seconds: 0 },
            condition: { metric: 'error_count', operator: '>', threshold: 1 },
          },
          metadata: {
            actor: { kind: 'process', id: 'startup' },
            origin: 'deployment',
            request_id: 'startup',
            correlation_id: 'startup',
            causation_id: 'startup',
            instance_id: 'here',
            release: 'faulty',
            guard_epoch: 0,
            recorded_at: new Date().toISOString(),
            ...more,
          },
        },
      ]);
    }
  } finally {
    await stores.close();
  }
};
