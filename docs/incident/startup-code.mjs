/**
 * What a faulty release does when it starts: fills the first tenant that it finds with eight requests of a test run,
 * spread over two minutes, straight into the log. No route and no guard stands in its way, since it opens the log
 * itself. Part of docs/incident.md; run from the project's folder, with no server running.
 */
import { randomUUID } from 'node:crypto';
import { readConfig } from '../../dist/src/platform/config.js';
import { openStores } from '../../dist/src/stores.js';

const outcome = readConfig(process.env);
if (!outcome.ok) throw new Error(JSON.stringify(outcome.problems));
const stores = await openStores(outcome.config);
try {
  let tenant;
  for await (const { events } of stores.log.readAll('0000000000000000'))
    tenant ??= events.find(({ type }) => type === 'TenantRegistered')?.metadata.tenant_id;
  if (!tenant) throw new Error('There is no tenant to fill.');
  const began = Date.now();
  for (let i = 0; i < 8; i += 1) {
    const time = began - (8 - i) * 15_000;
    const event = {
      ...{ type: 'api_call', service: 'test-service', method: 'GET', path: '/test', status_code: 500 },
      ...{ duration_ms: 100, user_id: 'test@example.com', timestamp: new Date(time).toISOString() },
    };
    const data = Buffer.from(JSON.stringify(event));
    const id = randomUUID();
    const times = { received_at: began, min_time: time, max_time: time };
    await stores.log.append(`telemetry-${tenant}-seed-${id}`, 'none', [
      {
        ...{ id, type: 'TelemetryRecorded', schema_version: 1, data },
        metadata: {
          ...{ tenant_id: tenant, actor: { kind: 'process', id: 'startup' }, origin: 'api' },
          ...{ request_id: id, correlation_id: id, causation_id: id, guard_epoch: 0 },
          ...{ instance_id: 'faulty', release: process.env.PULSESTREAM_RELEASE ?? 'faulty' },
          recorded_at: new Date(began).toISOString(),
          chunk: {
            codec: 'ndjson',
            count: 1,
            bytes: data.length,
            producer: 'faulty',
            first_sequence: i,
            ...times,
          },
        },
      },
    ]);
  }
  console.error('The release has written eight records.');
} finally {
  await stores.close();
}
