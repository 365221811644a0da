import type { Socket } from 'socket.io';

/** More than this waiting to be sent: the socket is skipped until it has caught up. */
const PACKETS = 8;
const BYTES = 512 * 1024;

/** Bytes that a transport has taken and not got rid of. */
export const waitingBytes = (transport: object): number => {
  const websocket = 'socket' in transport ? transport.socket : undefined;
  if (typeof websocket !== 'object' || websocket === null || !('bufferedAmount' in websocket)) return 0;
  return typeof websocket.bufferedAmount === 'number' ? websocket.bufferedAmount : 0;
};

/** Whether a client reads more slowly than it is written to. */
export const isSlow = ({ conn }: Pick<Socket, 'conn'>): boolean =>
  // Engine.IO types its queue as private; nothing public says how long it is.
  (conn['writeBuffer'] as readonly unknown[]).length >= PACKETS || waitingBytes(conn.transport) > BYTES;
