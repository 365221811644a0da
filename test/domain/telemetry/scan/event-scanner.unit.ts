import { describe, expect, it } from '@jest/globals';
import { EventScanner } from '../../../../src/domain/telemetry/scan/event-scanner.js';

const ROUTE = 'abcdefghijkl';
const LONGER = ROUTE.padEnd(200, 'x');
/** What a scanner has at first. */
const MEMORY = 64 * 1024;

const eventOf = (route: string, message = ''): string => JSON.stringify({ type: 'api_call', message, route });

/** Scans events, one a line; answers the route of the last. */
const lastRoute = (scanner: EventScanner, lines: readonly string[]): string | undefined => {
  const bytes = Buffer.from(lines.join('\n'));
  scanner.begin(bytes, lines.length);
  let end = -1;
  for (let next = 0; next < bytes.length; next = end + 1) {
    end = scanner.scan(next);
    if (end < 0) return undefined;
    scanner.keep();
  }
  const { values, ids } = scanner.columns.columns().routes;
  return values[ids.at(-1) ?? 0];
};

describe('scanning events', () => {
  it('guesses no text beyond its memory, however much of that the bytes fill', () => {
    for (let left = 0; left <= 400; left += 8) {
      const scanner = new EventScanner();
      // What came twice is guessed.
      expect(lastRoute(scanner, [eventOf(LONGER), eventOf(LONGER)])).toBe(LONGER);
      const before = Array.from({ length: 7 }, () => eventOf('/', 'm'.repeat(8000)));
      const room = MEMORY - left - before.join('\n').length - 1 - eventOf(ROUTE).length;
      expect(lastRoute(scanner, [...before, eventOf(ROUTE, 'm'.repeat(room))])).toBe(ROUTE);
    }
  });
});
