import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import { Type } from 'typebox';
import { AT_ONCE, Broadcaster } from '../../../src/api/realtime/broadcaster.js';
import { Room, type Message } from '../../../src/api/realtime/room.js';
import { defineTopic } from '../../../src/api/realtime/topic.js';
import type { TenantId } from '../../../src/domain/ids.js';
import { START, toPosition } from '../../../src/eventstore/event-store.js';
import type { Clock } from '../../../src/platform/clock.js';

/** A time that only sleeping takes. */
let now = 0;
const clock: Clock = {
  now: () => now,
  monotonic: () => now,
  sleep: async (milliseconds) => {
    await new Promise((resolve) => setImmediate(resolve));
    now += Math.max(0, milliseconds);
  },
};

/** A socket that takes what it is given, unless something is in its queue. */
class Screen {
  readonly shown: Message[] = [];
  readonly queue: string[] = [];
  readonly conn = {
    readyState: 'open',
    writeBuffer: this.queue,
    transport: {},
    write: (text: string): void => {
      const [, message] = JSON.parse(text.slice(text.indexOf(',') + 1)) as [string, Message];
      this.shown.push(message);
      this.onShown(message);
    },
  };

  constructor(private readonly onShown: (message: Message) => void = () => undefined) {}

  get socket(): Socket {
    return this as unknown as Socket;
  }
}

let fact = 1;
let broadcaster: Broadcaster;
let room: Room;

beforeEach(() => {
  now = 0;
  fact = 1;
  broadcaster = new Broadcaster(clock);
  const topic = defineTopic({
    name: 'state',
    params: Type.Object({}),
    needs: 'telemetry:read',
    reads: [],
    every_ms: 50,
    state: () => Promise.resolve({ position: toPosition(fact), data: fact }),
  });
  const api = {
    models: {} as never,
    quarantines: { decidedAt: () => Promise.resolve(START) } as never,
    clock,
  };
  room = new Room({ tenant: 'ten_ada' as TenantId, topic, params: {} }, api, broadcaster, (error) => {
    throw error as Error;
  });
});

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

const happen = (next: number): void => {
  fact = next;
  room.touch();
};

describe('a room', () => {
  it('tells those who come late in a round what happened since it began, and the others in the next', async () => {
    const first = await room.snapshot();
    // While the first have the one thing written to them the next happens, and there is time for another answer.
    const screens = Array.from(
      { length: AT_ONCE * 3 },
      (_, index) =>
        new Screen(({ data }) => {
          if (index !== AT_ONCE - 1 || data !== 2) return;
          now += 60;
          happen(3);
        }),
    );
    for (const { socket } of screens) room.join(socket, first);
    happen(2);
    await until(() => screens.every(({ shown }) => shown.at(-1)?.data === 3));
    expect(screens.map(({ shown }) => shown.map(({ data }) => data))).toEqual(
      screens.map((_, index) => (index < AT_ONCE ? [2, 3] : [3])),
    );
    room.close();
  });

  it('says nothing twice', async () => {
    const screen = new Screen();
    room.join(screen.socket, await room.snapshot());
    happen(2);
    await until(() => screen.shown.length > 0);
    happen(2);
    happen(2);
    const later = now + 500;
    await clock.sleep(later - now);
    happen(3);
    await until(() => screen.shown.at(-1)?.data === 3);
    expect(screen.shown.map(({ data }) => data)).toEqual([2, 3]);
    room.close();
  });

  it('passes over whoever has not read yet, who gets the newest as soon as that is done though nothing happens', async () => {
    const [slow, quick] = [new Screen(), new Screen()];
    const first = await room.snapshot();
    room.join(slow.socket, first);
    room.join(quick.socket, first);
    slow.queue.push('unread');
    for (const next of [2, 3, 4]) {
      happen(next);
      await until(() => quick.shown.at(-1)?.data === next);
    }
    expect(slow.shown).toEqual([]);
    expect(broadcaster.totals.skipped).toBeGreaterThanOrEqual(3);
    slow.queue.pop();
    await until(() => slow.shown.length > 0);
    expect(slow.shown.map(({ data }) => data)).toEqual([4]);
    expect(quick.shown.map(({ data }) => data)).toEqual([2, 3, 4]);
    room.close();
  });

  it('writes to nobody who has left', async () => {
    const [left, stays] = [new Screen(), new Screen()];
    const first = await room.snapshot();
    room.join(left.socket, first);
    room.join(stays.socket, first);
    room.leave(left.socket);
    happen(2);
    await until(() => stays.shown.length > 0);
    expect(left.shown).toEqual([]);
    room.close();
  });
});

describe('writing to many sockets', () => {
  it('leaves the event loop to others for a part of the time, however many rooms there are', async () => {
    const packet = { text: '2/dashboard,["update",{}]', frame: [Buffer.alloc(0)] } as const;
    const written_ms = 5;
    const screen = new Screen(() => (now += written_ms));
    const rooms = Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 5; round += 1) {
        await broadcaster.turn();
        broadcaster.write([{ socket: screen.socket }], packet);
      }
    });
    await Promise.all(rooms);
    const written = screen.shown.length * written_ms;
    expect(written).toBe(500);
    // The rest after the last is still to come.
    expect(now).toBeGreaterThanOrEqual(written / 0.7 - written_ms);
    expect(now).toBeLessThan(written * 2);
  });
});
