import { RouteBook } from '../../../src/domain/telemetry/routes/book.js';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addressOf, chunkIdOf, MAX_CHUNK_COUNT, telemetryId } from '../../../src/domain/telemetry/address.js';
import { lastLinesOf, UnreadableChunk } from '../../../src/domain/telemetry/stored-chunk.js';
import { showEvent } from '../../../src/domain/telemetry/shown-event.js';
import { decodeChunk, chunkOf, NOW } from '../../support/telemetry.js';

describe('a telemetry event’s id', () => {
  it('is its address', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 0, max: MAX_CHUNK_COUNT - 1 }), (uuid, index) => {
        const chunk = chunkIdOf(uuid);
        expect(addressOf(telemetryId(chunk, index))).toEqual({ chunk, index });
      }),
      { seed: 1 },
    );
  });

  it.each([
    '',
    'evt_',
    'evt_xyz',
    'rul_0190b3c5d1f87c0e8a4f000000100000',
    'evt_0190B3C5D1F87C0E8A4F000000100000',
  ])('is nothing else: %s', (text) => expect(addressOf(text)).toBeUndefined());
});

describe('reading a chunk', () => {
  const events = [
    { type: 'api_call', path: '/orders/7', status_code: 201, duration_ms: 3.5, method: 'POST' },
    { type: 'error', service: 'checkout', timestamp: '2026-01-01T00:00:00.5Z', message: 'ä\n"' },
    { type: 'api_call', route: '/r', path: '/r?x', timestamp: 1_700_000_000_000.7 },
  ];

  it('applies the defaults that the log does not hold', () => {
    const chunk = decodeChunk(chunkOf(events));
    expect(chunk.events).toEqual(events);
    expect([...chunk.times]).toEqual([NOW, Date.UTC(2026, 0, 1, 0, 0, 0, 500), 1_700_000_000_000]);
    expect([...chunk.statuses]).toEqual([201, 0, 0]);
    expect([...chunk.durations]).toEqual([3.5, NaN, NaN]);
    const texts = ({ values, ids }: typeof chunk.types) => [...ids].map((id) => values[id]);
    expect(texts(chunk.types)).toEqual(['api_call', 'error', 'api_call']);
    expect(texts(chunk.services)).toEqual(['', 'checkout', '']);
    expect(texts(chunk.routes)).toEqual(['/orders/{id}', '', '/r']);
    expect(texts(chunk.methods)).toEqual(['POST', '', '']);
  });

  it('makes a route only where none was given, were it an empty one', () => {
    const { values, made, ids } = decodeChunk(
      chunkOf([
        { type: 'a', path: '' },
        { type: 'a', path: '/u/1' },
        { type: 'a', route: '', path: '/u/1' },
        { type: 'a', path: '/u/2' },
        { type: 'a', route: '/u/{id}' },
      ]),
    ).routes;
    expect([...ids].map((id) => values[id])).toEqual(['/', '/u/{id}', '', '/u/{id}', '/u/{id}']);
    expect(values).toEqual(['/', '/u/{id}', '', '/u/{id}']);
    expect(made).toEqual([true, true, false, false]);
  });

  it('is done once for each event object', () => {
    const stored = chunkOf(events);
    expect(decodeChunk(stored)).toBe(decodeChunk(stored));
  });

  it.each([
    ['a line is missing', { data: Buffer.from('{"type":"a"}') }],
    ['a line is broken', { data: Buffer.from('{"type":"a"}\n{"type"\n{}') }],
    ['there is no header', { metadata: {} }],
    ['the data are not binary', { data: {} }],
  ])('fails where %s', (_, broken) => expect(() => decodeChunk({ ...chunkOf(events), ...broken })).toThrow());

  it('finds the last events without looking at the others', () => {
    const stored = chunkOf(events);
    const lines = events.map((event) => JSON.stringify(event));
    for (const limit of [1, 2, 3, 4, 100]) expect(lastLinesOf(stored, limit)).toEqual(lines.slice(-limit));
    expect(lastLinesOf(chunkOf([{ type: 'a' }]), 5)).toEqual(['{"type":"a"}']);
  });

  it('names the chunk that it cannot read', () =>
    expect(() => decodeChunk({ ...chunkOf(events), data: Buffer.from('{}') })).toThrow(UnreadableChunk));

  it('shows an event with its address, its time, and a route that was made from the path as such', () => {
    const stored = chunkOf(events);
    const show = (index: number) =>
      showEvent(
        decodeChunk(stored).events[index]!,
        { chunk: stored.id, index, received_at: NOW },
        '2026-03-01T12:00:01.000Z',
        RouteBook.EMPTY,
      );
    expect(show(0)).toEqual({
      ...events[0],
      event_id: telemetryId(stored.id, 0),
      timestamp: '2026-03-01T12:00:00.000Z',
      route: '/orders/{id}',
      route_derived: true,
      recorded_at: '2026-03-01T12:00:01.000Z',
    });
    expect(show(2)).toMatchObject({ route: '/r', timestamp: '2023-11-14T22:13:20.000Z' });
    expect(show(2)).not.toHaveProperty('route_derived');
  });
});
