import { describe, expect, it } from '@jest/globals';
import { packetOf } from '../../../src/api/realtime/packet.js';

/** What a client makes of a server's frame, after RFC 6455, 5.2. */
const payloadOf = (frame: Buffer): string => {
  expect(frame[0]).toBe(0x81);
  const short = frame[1] ?? 0;
  const [start, length] =
    short < 126
      ? [2, short]
      : short === 126
        ? [4, frame.readUInt16BE(2)]
        : [10, Number(frame.readBigUInt64BE(2))];
  expect(frame.length).toBe(start + length);
  return frame.toString('utf8', start);
};

describe('a packet', () => {
  // '42/dashboard,["update",{"text":"…"}]' is 34 bytes and the text.
  it.each([0, 1, 91, 92, 93, 1_000, 65_501, 65_502, 200_000])(
    'with a text of %i bytes says the same as text and as frame',
    (length) => {
      const message = { text: 'x'.repeat(length) };
      const { text, frame } = packetOf('update', message);
      expect(payloadOf(frame[0])).toBe(`4${text}`);
      expect(text.startsWith('2/dashboard,')).toBe(true);
      expect(JSON.parse(text.slice('2/dashboard,'.length))).toEqual(['update', message]);
    },
  );

  it('counts bytes, not characters', () => {
    const { text, frame } = packetOf('update', { text: 'ü'.repeat(60) });
    expect(payloadOf(frame[0])).toBe(`4${text}`);
  });
});
