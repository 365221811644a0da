import { describe, expect, it } from '@jest/globals';
import { readBatch, readOne } from '../../../src/commands/ingest/read-events.js';

const NOW = Date.UTC(2026, 2, 1, 12);
const OLDEST = Date.UTC(2026, 1, 1);

/** The codes of the events that are rejected, by their places. */
const rejected = (body: string, limits: { oldest_time?: number; sent_at?: number }) => {
  const reading = readBatch(Buffer.from(body), 'json', { events: 100, now: NOW, ...limits });
  if (!reading.ok) throw new Error(reading.code);
  return reading.rejected.map(({ index, code, retryable }) => ({ index, code, retryable }));
};

describe('events that are older than telemetry is kept', () => {
  const times = [OLDEST - 1, OLDEST, OLDEST + 1];

  it.each([
    ['scanned', (time: number) => JSON.stringify({ type: 'a', timestamp: time })],
    [
      'scanned, as text',
      (time: number) => JSON.stringify({ type: 'a', timestamp: new Date(time).toISOString() }),
    ],
    ['parsed', (time: number) => `{ "timestamp" : ${time}.0e0 , "type" : "\\u0061" }`],
  ])('are rejected to the millisecond where they are %s', (_how, write) => {
    const body = `[${times.map(write).join(',')}]`;
    expect(rejected(body, { oldest_time: OLDEST })).toEqual([
      { index: 0, code: 'timestamp_too_old', retryable: false },
    ]);
    expect(rejected(body, {})).toEqual([]);
    expect(rejected(body, { oldest_time: -Infinity })).toEqual([]);
  });

  it('are those that are so by the corrected time', () => {
    const body = JSON.stringify(times.map((timestamp) => ({ type: 'a', timestamp })));
    expect(rejected(body, { oldest_time: OLDEST, sent_at: NOW - 10_000 })).toEqual([]);
    expect(rejected(body, { oldest_time: OLDEST, sent_at: NOW + 10_000 })).toHaveLength(3);
  });

  it('are none that say no time, and none that say no valid one', () => {
    expect(rejected('[{"type":"a"},{"type":"a","timestamp":"yesterday"}]', { oldest_time: OLDEST })).toEqual([
      { index: 1, code: 'invalid_timestamp', retryable: false },
    ]);
    const one = readOne(Buffer.from(`{"type":"a","timestamp":${OLDEST - 1}}`), {
      now: NOW,
      oldest_time: OLDEST,
    });
    expect(one.ok && one.rejected).toMatchObject([{ code: 'timestamp_too_old', pointer: '/timestamp' }]);
  });
});
