import { describe, expect, it } from '@jest/globals';
import type { TenantId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { routesStream } from '../../../src/domain/streams.js';
import type { RouteEvent } from '../../../src/domain/telemetry/routes/book.js';
import { RouteShelf } from '../../../src/projections/routes/shelf.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const acme = 'ten_00000000000040008000000000000001' as TenantId;
const other = 'ten_00000000000040008000000000000002' as TenantId;
const learned = (parent: string): RouteEvent => ({
  type: 'RouteTemplateLearned',
  data: { parent: [parent], kind: '', kept: [], because: 'siblings' },
});

describe('the route books of those who walk along the log', () => {
  const world = () => {
    const log = new MemoryEventLog();
    const note = (tenant: TenantId, event: RouteEvent) =>
      log.append(tenant, routesStream(tenant), event.type, event.data as unknown as JsonObject);
    const chunk = (tenant: TenantId) => log.append(tenant, `telemetry-${tenant}`, 'TelemetryRecorded', {});
    return { log, note, chunk };
  };

  it('are as the records before a position say, in whichever order positions are asked for', async () => {
    const { log, note, chunk } = world();
    chunk(acme);
    note(acme, learned('a'));
    chunk(acme);
    note(other, learned('b'));
    note(acme, learned('b'));
    chunk(acme);
    const chunks = log.events.filter(({ type }) => type === 'TelemetryRecorded');
    const shelf = new RouteShelf(log);
    await shelf.meet(log.events);
    const shown = (index: number) => {
      const book = shelf.at(acme, chunks[index]!.position);
      return ['/a/x', '/b/x'].map((path) => book.routeOf(path));
    };
    for (const index of [0, 1, 2, 0, 2, 1, 1])
      expect(shown(index)).toEqual(
        [
          ['/a/x', '/b/x'],
          ['/a/{slug}', '/b/x'],
          ['/a/{slug}', '/b/{slug}'],
        ][index],
      );
    expect(shelf.at(other, chunks[2]!.position).routeOf('/a/x')).toBe('/a/x');
  });

  it('go on with what is met later, and take nothing twice', async () => {
    const { log, note, chunk } = world();
    note(acme, learned('a'));
    chunk(acme);
    const shelf = new RouteShelf(log);
    await shelf.meet(log.events);
    note(acme, learned('b'));
    chunk(acme);
    const late = log.events.slice(2);
    await shelf.meet(late);
    await shelf.meet(late);
    expect(shelf.at(acme, late[0]!.position).routeOf('/b/x')).toBe('/b/x');
    expect(shelf.at(acme, late[1]!.position).routeOf('/b/x')).toBe('/b/{slug}');
  });

  it('know nothing of whom nothing was met', () => {
    expect(new RouteShelf(new MemoryEventLog()).at(acme, '00000000000000ff' as never).routeOf('/a/1')).toBe(
      '/a/{id}',
    );
  });
});
