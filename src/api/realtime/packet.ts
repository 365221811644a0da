import type { Socket } from 'socket.io';

/** The namespace that dashboards connect to. */
export const NAMESPACE = '/dashboard';

/** A message that many sockets get, encoded once. */
export interface Packet {
  /** As Socket.IO's protocol 5 has an event. */
  readonly text: string;
  /** The same as Engine.IO's protocol 4 has it in a websocket's frame. */
  readonly frame: readonly [Buffer];
}

export const packetOf = (event: string, message: object): Packet => {
  const text = `2${NAMESPACE},${JSON.stringify([event, message])}`;
  return { text, frame: [frameOf(Buffer.from(`4${text}`))] };
};

/** A text in one frame, as a server sends it: unmasked (RFC 6455, 5.2). */
const frameOf = (payload: Buffer): Buffer => {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (head.length === 2) head[1] = payload.length;
  else if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, payload]);
};

interface Websocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly _sender: { sendFrame(frame: readonly Buffer[]): void };
}
const OPEN = 1;

/** The websocket under a transport, where it is one. */
const websocketOf = (transport: object): Websocket | undefined => {
  const websocket = 'socket' in transport ? transport.socket : undefined;
  return typeof websocket === 'object' && websocket !== null && '_sender' in websocket
    ? (websocket as Websocket)
    : undefined;
};

type Connected = Pick<Socket, 'conn'>;

/** Packets that Engine.IO has not handed to a transport yet; it types them as private, and nothing public counts them. */
const queued = ({ conn }: Connected): number => (conn['writeBuffer'] as readonly unknown[]).length;

/** Bytes that a transport has taken and not got rid of. */
export const waitingBytes = ({ conn }: Connected): number => websocketOf(conn.transport)?.bufferedAmount ?? 0;

/** More than this waiting to be sent: the client is told to read before it asks for more. */
const MOST_PACKETS = 8;
const MOST_BYTES = 512 * 1024;

/** Whether a client reads more slowly than it is written to. */
export const isSlow = (socket: Connected): boolean =>
  queued(socket) >= MOST_PACKETS || waitingBytes(socket) > MOST_BYTES;

/** Whether a socket is open and nothing waits to be sent to it. */
export const isReady = (socket: Connected): boolean =>
  socket.conn.readyState === 'open' && queued(socket) === 0 && waitingBytes(socket) === 0;

/** Writes to a socket that is ready. */
export const write = ({ conn }: Connected, { text, frame }: Packet): void => {
  const websocket = websocketOf(conn.transport);
  // Past Engine.IO's queue, which is empty: its bookkeeping takes as long as the write.
  if (websocket?.readyState === OPEN) websocket._sender.sendFrame(frame);
  else conn.write(text);
};
